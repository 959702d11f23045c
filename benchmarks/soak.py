"""``python -m benchmarks.soak``: a mesh under load for a long time, and what has grown at its end.

A store, a logger on SQLite and a watchdog run as processes of their own, as `dl-serve` starts them; four clients
of this process ask and set as fast as they can, and the store logs. Memory, threads and open files of each
process, and the messages in the queues, are written down after a warm-up, during the run and at its end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika

from dripline.broker import EmbeddedBroker
from dripline.core import Interface

_CLIENTS = 4
_ENDPOINTS = 20
_START_S = 20.0


@dataclass
class Numbers:
    """What a process holds.

    Attributes:
        memory_mb: Resident memory.
        threads: Its threads.
        files: Its open files, sockets among them.
    """

    memory_mb: float
    threads: int
    files: int

    @classmethod
    def of(cls, process: int) -> Numbers:
        """Read them from the system."""
        status = Path(f"/proc/{process}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        files = len(os.listdir(f"/proc/{process}/fd"))
        return cls(int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"]), files)


class Mesh:
    """The services, and who asks them.

    Args:
        port: Of the broker.
        folder: Where files and the database are.
    """

    def __init__(self, port: int, folder: Path) -> None:
        tail = uuid.uuid4().hex[:6]
        self.folder = folder
        self.settings: dict[str, Any] = {
            "broker": "127.0.0.1",
            "broker_port": port,
            "requests_exchange": f"requests-{tail}",
            "alerts_exchange": f"alerts-{tail}",
        }
        self.names = {kind: f"soak-{kind}-{tail}" for kind in ("store", "logger", "watchdog")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.asked = 0
        self.errors: list[str] = []
        self.done = threading.Event()

    def start(self) -> None:
        """Start the services."""
        endpoints = "".join(
            f"  - {{name: soak_value_{number}, module: KeyValueStore, initial_value: {number}.5, "
            "log_interval: 0.05, calibration: '2*{}'}\n"
            for number in range(_ENDPOINTS)
        )
        database = self.folder / "values.sqlite"
        self._serve("store", f"module: Service\nheartbeat_interval_s: 1\nendpoints:\n{endpoints}")
        spool = self.folder / "spool"
        self._serve(
            "logger", f"module: SensorLogger\ndatabase_url: sqlite:///{database}\nspool_directory: {spool}\n"
        )
        self._serve("watchdog", "module: HeartbeatMonitor\ntime_between_checks_s: 1\n")

    def _serve(self, kind: str, rest: str) -> None:
        file, log = self.folder / f"{kind}.yaml", self.folder / f"{kind}.log"
        mesh = "".join(f"  {key}: {value}\n" for key, value in self.settings.items())
        file.write_text(f"name: {self.names[kind]}\n{rest}dripline_mesh:\n{mesh}")
        with log.open("wb") as output:
            words = [sys.executable, "-m", "dripline.cli.dl_serve", "-c", str(file)]
            self.processes[kind] = subprocess.Popen(words, stderr=output)
        deadline = time.monotonic() + _START_S
        while " serves " not in log.read_text():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{kind} did not start: {log.read_text()}")
            time.sleep(0.05)

    def ask(self) -> None:
        """Ask, set and command until it is done."""
        with Interface(dripline_mesh=self.settings, timeout_s=10) as client:
            number = 0
            while not self.done.is_set():
                number = (number + 1) % _ENDPOINTS
                try:
                    client.set(f"soak_value_{number}", number / 2)
                    client.get(f"soak_value_{number}")
                    client.cmd(f"soak_value_{number}", "ping")
                except Exception as error:  # noqa: BLE001  # whatever it is, it belongs into the report
                    self.errors.append(repr(error))
                self.asked += 3

    def queued(self) -> int:
        """How many messages lie in the services' queues."""
        parameters = pika.ConnectionParameters("127.0.0.1", self.settings["broker_port"])
        total = 0
        for name in self.names.values():
            with pika.BlockingConnection(parameters) as connection:
                try:
                    declared = connection.channel().queue_declare(name, passive=True)
                    total += declared.method.message_count
                except pika.exceptions.ChannelClosedByBroker:
                    continue  # RabbitMQ tells nobody about another connection's exclusive queue
        return total

    def numbers(self) -> dict[str, Numbers]:
        """What all processes hold, this one too."""
        found = {kind: Numbers.of(process.pid) for kind, process in self.processes.items()}
        found["clients"] = Numbers.of(os.getpid())
        return found

    def stop(self) -> None:
        """End all."""
        self.done.set()
        for process in self.processes.values():
            process.terminate()
            process.wait(20)


@contextmanager
def _broker(port: int | None) -> Iterator[int]:
    if port is not None:
        yield port
        return
    with EmbeddedBroker(port=0) as broker:
        yield broker.port


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print a table; returns 1 when a request failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--warm-up", type=float, default=1, metavar="MINUTES")
    parser.add_argument("--port", type=int, help="of a broker here; an embedded one when not given")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mesh = Mesh(stack.enter_context(_broker(options.port)), folder)
        stack.callback(mesh.stop)
        mesh.start()
        clients = [threading.Thread(target=mesh.ask) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(options.warm_up * 60)
        before, asked = mesh.numbers(), mesh.asked
        _print(0, before, mesh)
        for minute in range(1, int(options.minutes) + 1):
            time.sleep(60)
            _print(minute, mesh.numbers(), mesh)
        after = mesh.numbers()
        rate = (mesh.asked - asked) / (options.minutes * 60)
        mesh.done.set()
        for client in clients:
            client.join()
        print(f"\n{mesh.asked - asked} requests, {rate:.0f}/s; {len(mesh.errors)} failed {mesh.errors[:3]}")
    print("\n| process | memory, MB | threads | open files |\n|---|---|---|---|")
    for kind, start in before.items():
        end = after[kind]
        print(
            f"| {kind} | {start.memory_mb:.1f} -> {end.memory_mb:.1f} | {start.threads} -> {end.threads} "
            f"| {start.files} -> {end.files} |"
        )
    return 1 if mesh.errors else 0


def _print(minute: int, numbers: dict[str, Numbers], mesh: Mesh) -> None:
    parts = [f"{kind} {held.memory_mb:.1f} MB {held.threads} {held.files}" for kind, held in numbers.items()]
    print(f"{minute:3d} min  {'; '.join(parts)}; queued {mesh.queued()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
