"""Traffic on a mesh that is counted: requests with their answers, alerts out and alerts in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pika.exceptions

from dripline.core import AlertConsumer, Endpoint, Interface, MsgAlert, Service
from dripline.errors import BrokerError, DriplineError
from dripline.transport.address import BrokerAddress
from support.waiting import eventually

ALERT_KEY = "sensor_value.traffic"


class Doubling(Endpoint):
    """Answers a get with twice what was asked, so that a wrong answer is seen."""

    def on_get(self) -> float:
        """Tell the time, for who only wants to know whether somebody is there."""
        return time.time()

    def double(self, number: int) -> int:
        """Return twice the number."""
        return 2 * number

    def pid(self) -> int:
        """Return the number of the process."""
        return os.getpid()


@contextmanager
def serving_process(login: Mapping[str, Any], name: str, endpoint: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let a service with an endpoint `Doubling` run in a process of its own; it may not be there at once."""
    program = (
        "from dripline.core import Service\n"
        "from support.traffic import Doubling\n"
        f"service = Service({name!r}, **{dict(login)!r})\n"
        f"service.add_child(Doubling(name={endpoint!r}))\n"
        "service.run()\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", program], env=variables)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


class Asker(threading.Thread):
    """A client that asks without a pause, and counts what becomes of it.

    Args:
        login: Arguments of an `Interface`.
        names: Endpoints of the class `Doubling`, asked in turn.
        timeout_s: Of each request.

    Attributes:
        outcomes: How many requests ended how: ``answered``, ``wrong``, or with the name of an error.
        longest_s: How long the longest one took.
    """

    def __init__(self, login: Mapping[str, Any], names: list[str], timeout_s: float = 5.0) -> None:
        super().__init__(name="test-asker", daemon=True)
        self.outcomes: Counter[str] = Counter()
        self.longest_s = 0.0
        self._login = login
        self._names = names
        self._timeout_s = timeout_s
        self._over = threading.Event()

    def run(self) -> None:
        """Ask until told otherwise."""
        number = 0
        with Interface(**self._login) as client:
            while not self._over.is_set():
                number += 1
                begin = time.monotonic()
                self.outcomes[self._ask(client, number)] += 1
                self.longest_s = max(self.longest_s, time.monotonic() - begin)

    def end(self) -> None:
        """Ask no more; fails when the client hangs."""
        self._over.set()
        self.join(self._timeout_s + 20)
        assert not self.is_alive(), f"a client hangs: {self.outcomes}"

    def _ask(self, client: Interface, number: int) -> str:
        name = self._names[number % len(self._names)]
        try:
            reply = client.cmd(name, "double", [number], timeout_s=self._timeout_s)
        except DriplineError as error:
            if isinstance(error, BrokerError):
                self._over.wait(0.02)  # told at once that there is no connection
            return type(error).__name__
        return "answered" if reply == 2 * number else "wrong"


class Clients:
    """Many an `Asker` in a process of its own: in that of the test they would take the time from what is tested.

    Args:
        login, names, timeout_s: As for `Asker`.
        count: How many clients.

    Attributes:
        outcomes: How many requests of all of them ended how; when they have ended.
        longest_s: How long the longest one took; likewise.
    """

    def __init__(self, login: Mapping[str, Any], names: list[str], timeout_s: float, count: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.longest_s = 0.0
        program = (
            "import json, time\n"
            "from support.traffic import Asker\n"
            f"askers = [Asker({dict(login)!r}, {names!r}, {timeout_s!r}) for _ in range({count})]\n"
            "for asker in askers:\n"
            "    asker.start()\n"
            "while not all(asker.outcomes['answered'] for asker in askers):\n"
            "    time.sleep(0.01)\n"
            "print(flush=True)\n"
            "input()\n"
            "for asker in askers:\n"
            "    asker.end()\n"
            "print(json.dumps([[asker.outcomes, asker.longest_s] for asker in askers]))\n"
        )
        variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"\n", "not all are answered"

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> None:
        """Ask no more; fails when a client hangs."""
        said, _ = self._process.communicate(b"\n", 120)
        assert self._process.returncode == 0, "a client hangs"
        for outcomes, longest_s in json.loads(said):
            self.outcomes.update(outcomes)
            self.longest_s = max(self.longest_s, longest_s)


class Sender(threading.Thread):
    """Has a service send numbered alerts at a steady rate.

    Args:
        service: The service.
        rate: Alerts a second.

    Attributes:
        sent: The numbers below this one were taken by the service.
        refused: How many it did not take.
        reached_rate: How many a second that were, in the end.
    """

    def __init__(self, service: Service, rate: float) -> None:
        super().__init__(name="test-sender", daemon=True)
        self.sent = 0
        self.refused = 0
        self.longest_s = 0.0
        self.reached_rate = 0.0
        self._service = service
        self._rate = rate
        self._over = threading.Event()

    def run(self) -> None:
        """Send until told otherwise."""
        begin = time.monotonic()
        while not self._over.is_set():
            due = int((time.monotonic() - begin) * self._rate) + 1
            while self.sent < due and not self._over.is_set():
                self._send_one()
            self._over.wait(0.005)
        self.reached_rate = self.sent / (time.monotonic() - begin)

    def end(self) -> int:
        """Send no more; returns how many there were."""
        self._over.set()
        self.join(30)
        assert not self.is_alive(), "the sender of alerts hangs"
        return self.sent

    def _send_one(self) -> None:
        begin = time.monotonic()
        if self._service.send(MsgAlert.create({"value_raw": self.sent}, ALERT_KEY)).successful_send:
            self.sent += 1
        else:
            self.refused += 1
            self._over.wait(0.01)
        self.longest_s = max(self.longest_s, time.monotonic() - begin)


def all_came(heard: Mapping[int, int], count: int, patience_s: float) -> bool:
    """Wait until so many different numbers were heard, as long as they keep coming; tells whether they were.

    Args:
        heard: What was heard; it grows.
        count: How many there are.
        patience_s: How long to wait for each next one, in seconds.
    """
    while len(heard) < count:
        before = len(heard)
        if not eventually(lambda before=before: len(heard) > before, patience_s):  # type: ignore[misc]  # bound now
            return False
    return True


class Listener(AlertConsumer):
    """One of our own consumers of alerts, which counts them.

    Attributes:
        heard: How often each number was heard.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(alert_keys=[ALERT_KEY], **arguments)
        self.heard: Counter[int] = Counter()

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Count an alert."""
        self.heard[an_alert.plain_payload["value_raw"]] += 1

    def missing(self, count: int) -> list[int]:
        """Which of the numbers below this one were not heard."""
        return [number for number in range(count) if number not in self.heard]


class Witness(threading.Thread):
    """Plain pika that hears all alerts, on a durable queue that collects while it is away; it comes back for ever.

    Args:
        address: The broker, without any fault between.
        exchange: The alerts exchange.
        queue: Name of its queue.

    Attributes:
        heard: How often each number was heard.
        ids: How many different message ids there were.
    """

    def __init__(self, address: BrokerAddress, exchange: str, queue: str) -> None:
        super().__init__(name="test-witness", daemon=True)
        self.heard: Counter[int] = Counter()
        self.order: list[int] = []
        self._ids: set[str] = set()
        self._address = address
        self._exchange = exchange
        self._queue = queue
        self._ready = threading.Event()
        self._over = threading.Event()
        self.start()
        assert self._ready.wait(60), "no queue for the witness"

    @property
    def ids(self) -> int:
        """How many different message ids there were."""
        return len(self._ids)

    def missing(self, count: int) -> list[int]:
        """Which of the numbers below this one were not heard."""
        return [number for number in range(count) if number not in self.heard]

    def run(self) -> None:
        """Listen until told otherwise."""
        while not self._over.is_set():
            try:
                self._listen()
            except (pika.exceptions.AMQPError, OSError):
                self._over.wait(0.05)

    def end(self) -> None:
        """Listen no more; the queue is deleted."""
        self._over.set()
        self.join(60)

    def _listen(self) -> None:
        address = self._address
        login = pika.PlainCredentials(address.username, address.password)
        connection = pika.BlockingConnection(
            pika.ConnectionParameters(address.host, address.port, address.virtual_host, login, heartbeat=0)
        )
        try:
            channel = connection.channel()
            channel.exchange_declare(self._exchange, "topic")
            channel.queue_declare(self._queue, durable=True)
            channel.queue_bind(self._queue, self._exchange, ALERT_KEY)
            channel.basic_qos(prefetch_count=500)
            channel.basic_consume(self._queue, self._take)
            self._ready.set()
            while not self._over.is_set():
                connection.process_data_events(0.05)
            channel.queue_delete(self._queue)
        finally:
            if connection.is_open:
                connection.close()

    def _take(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        number = int(_number_in_alert(body))
        self.order.append(number)
        self._ids.add(properties.message_id)
        self.heard[number] += 1  # the last: who waits for it finds the others
        channel.basic_ack(method.delivery_tag)


def _number_in_alert(body: bytes) -> int:
    return int(json.loads(body)["value_raw"])
