"""How long a service takes from its start to the first reply, by its number of endpoints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from benchmarks.command_line import console_script, options, wall_time
from benchmarks.message import REQUEST_BODY, properties, request_headers
from benchmarks.rounds import Row, rows, take_turns
from benchmarks.target import Target
from benchmarks.worker import Worker

ENDPOINT_COUNTS = (1, 1000, 10000)
_BINDINGS = "pika, bindings alone"
_FORGETTING_S = 3e-4  # a binding keeps RabbitMQ busy after its queue is gone, and would slow down who comes next
_IMPORT = "python -c 'import pika'"


def measure(target: Target, rounds: int) -> list[Row]:
    """``dl-serve`` with a YAML file, against only binding the same number of keys with bare pika.

    One binding takes no time to speak of: there the floor is starting Python and importing pika.
    """
    table: list[Row] = []
    with Worker("pika_bindings", target.as_text()) as bindings, tempfile.TemporaryDirectory() as folder:
        for count in ENDPOINT_COUNTS:
            service = TimedService(target, Path(folder), count)
            floor = _IMPORT if count == 1 else _BINDINGS
            run_floor = import_pika if count == 1 else partial(bindings.run, count)
            contenders = {
                floor: partial(settled, run_floor, count),
                "dl-serve": partial(settled, service.run, count),
            }
            medians = take_turns(contenders, rounds)
            table += rows(f"start, endpoints: {count}", "s", medians, floor)
            service.close()
    return table


def settled(contender: Callable[[], float], count: int) -> float:
    """Run a contender when the broker has forgotten the ``count`` bindings of the one before."""
    time.sleep(_FORGETTING_S * count)
    return contender()


def import_pika() -> float:
    """Seconds a Python takes that only imports pika."""
    return wall_time([sys.executable, "-c", "import pika"])


class TimedService:
    """Starts a service with many endpoints, asks the last one until it answers, and stops it.

    Args:
        target: The broker.
        folder: Where the YAML file is written.
        count: How many endpoints.
    """

    def __init__(self, target: Target, folder: Path, count: int) -> None:
        self._name = f"large_{count}"
        self._config = folder / f"{self._name}.yaml"
        self._config.write_text(_yaml(self._name, count))
        self._command = [console_script("dl-serve"), "-c", str(self._config), "-q", *options(target)]
        self._exchange = target.requests_exchange
        self._last_endpoint = f"sensor_{count - 1}"
        self._headers = request_headers()
        self._outcome = ""
        self._channel = target.open_channel()
        self._reply_queue = self._channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        self._channel.queue_bind(self._reply_queue, self._exchange, self._reply_queue)
        self._channel.basic_consume(self._reply_queue, self._on_reply, auto_ack=True)
        self._channel.add_on_return_callback(self._on_return)

    def run(self) -> float:
        """Seconds from the start of the process to the first reply."""
        start = time.perf_counter()
        process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        while self._ask() == "returned":
            if process.poll() is not None:
                raise RuntimeError(f"the service ended with exit code {process.returncode}")
            # A fiftieth of the wait so far: asking more often would take the broker's time from the bindings.
            self._channel.connection.sleep((time.perf_counter() - start) / 50)
        elapsed = time.perf_counter() - start
        process.terminate()
        process.wait()
        return elapsed

    def close(self) -> None:
        """Close the connection that asks."""
        self._channel.connection.close()

    def _ask(self) -> str:
        self._outcome = ""
        request = properties(self._headers, str(uuid.uuid4()), self._reply_queue)
        self._channel.basic_publish(self._exchange, self._last_endpoint, REQUEST_BODY, request, mandatory=True)
        while not self._outcome:
            self._channel.connection.process_data_events(time_limit=1)
        return self._outcome

    def _on_reply(self, _: BlockingChannel, method: Basic.Deliver, reply: BasicProperties, body: bytes) -> None:
        self._outcome = "answered"

    def _on_return(self, _: BlockingChannel, method: Basic.Return, request: BasicProperties, body: bytes) -> None:
        self._outcome = "returned"


def _yaml(name: str, count: int) -> str:
    endpoint = "  - {{name: sensor_{}, module: KeyValueStore, initial_value: 0.75, calibration: '2*{{}}'}}\n"
    return f"name: {name}\nmodule: Service\nendpoints:\n" + "".join(map(endpoint.format, range(count)))
