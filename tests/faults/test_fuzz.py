"""A service that is sent what no good peer sends goes on as if nothing had been.

`DRIPLINE_TEST_FULL=1` sends a million; a seed other than the default comes with `DRIPLINE_FUZZ_SEED`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pika.spec
import pytest
from contract.captures import cases
from contract.meshes import Mesh, client, fresh_mesh
from contract.raw_client import RawClient
from contract.stage import Stage
from reports import FULL, report
from support.malformed import Malformed, flipped, malformed

from dripline.core import Interface
from dripline.errors import DriplineError

COUNT = 1_000_000 if FULL else 20_000
SEED = int(os.environ.get("DRIPLINE_FUZZ_SEED", "5"))
BATCH = 500
GROWTH_MB = 20.0


class Fuzzed:
    """A service in a process of its own.

    Attributes:
        names: its endpoints; nobody writes to the first one.
    """

    def __init__(self, mesh: Mesh, log: Path) -> None:
        self.service = mesh.name("fuzzed")
        self.names = [mesh.name(label) for label in ("untouched", "doubled", "format", "own-queue")]
        arguments = {"name": self.service, "endpoints": self.names, "heartbeat_interval_s": 0, **mesh.login}
        program = Path(__file__).parents[1] / "support" / "fuzzed_service.py"
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(arguments)], stdout=self._log, stderr=self._log
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def status(self, name: str) -> int:
        """A number from the process's status: VmRSS in kB, Threads."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise LookupError(name)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@contextmanager
def serving(mesh: Mesh, log: Path) -> Iterator[Fuzzed]:
    """Run the service until the test is over."""
    fuzzed = Fuzzed(mesh, log)
    try:
        yield fuzzed
    finally:
        fuzzed.stop()


def right_answer(interface: Interface, name: str, patience_s: float = 60.0) -> None:
    """Ask until the service answers; since its queue is in order, all that was sent before is handled then."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            assert interface.get(name, timeout_s=patience_s) == {"value_raw": 42}
            return
        except DriplineError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Thrower:
    """Publishes anything, byte by byte as it is given.

    Attributes:
        hung_up: how often the broker closed the connection.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._chance = random.Random(SEED)
        self.hung_up = 0
        self._open()

    def _open(self) -> None:
        self._client = RawClient(Stage(self._mesh.address))
        self._client.open()

    def throw(self, messages: list[Malformed]) -> None:
        """Send messages, one in fifty as an alert, and see to it that the broker took them."""
        for message in messages:
            exchange = self._mesh.alerts if self._chance.random() < 0.02 else self._mesh.requests
            try:
                self._publish(exchange, message)
            except OSError:  # the broker did not like one of them, and hung up
                self._again()
        try:
            self._client.send(1, pika.spec.Channel.Flow(True))
            answer = self._client._next_frame()
        except OSError:
            answer = None
        if not isinstance(getattr(answer, "method", None), pika.spec.Channel.FlowOk):
            self._again()

    def throw_damaged(self, messages: list[Malformed]) -> None:
        """Send messages with damaged properties; the broker may pass them on, or close the connection."""
        for message in messages:
            try:
                self._publish(self._mesh.requests, flipped(self._chance, message))
                self._client.send(1, pika.spec.Channel.Flow(True))
                self._client.skip(1)
            except (AssertionError, OSError):
                pass  # it was closed, which the next line finds as well as a close that is under way
            self._client.close()
            self._open()

    def _again(self) -> None:
        self.hung_up += 1
        self._client.close()
        self._open()

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _publish(self, exchange: str, message: Malformed) -> None:
        publish = pika.spec.Basic.Publish(
            exchange=exchange, routing_key=message.routing_key.decode("utf-8", "ignore")
        )
        self._client.publish(1, publish, message.body, message.properties)


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.mark.timeout(600 + COUNT / 100)
def test_malformed_messages_change_nothing(mesh, tmp_path, request):
    """Alive, the right answer, no more memory, no more threads, and a log of a few lines, after any number."""
    log = tmp_path / "service.log"
    with serving(mesh, log) as fuzzed, client(mesh) as interface:
        right_answer(interface, fuzzed.names[0])
        keys = [fuzzed.service, *fuzzed.names[1:], f"{fuzzed.service}.x", "broadcast"]
        reply_keys = [fuzzed.service, uuid.uuid4().hex, "x" * 255, "", "\x00é", f"{fuzzed.names[1]}.y"]
        bodies = [message.body for case in cases().values() for message in case.requests]
        stream = malformed(SEED, keys, reply_keys, bodies)
        thrower = Thrower(mesh)

        def attack(count: int) -> None:
            for start in range(0, count, BATCH):
                thrower.throw(list(islice(stream, min(BATCH, count - start))))
                right_answer(interface, fuzzed.names[0])
            thrower.throw_damaged(list(islice(stream, 10)))
            right_answer(interface, fuzzed.names[0])

        attack(COUNT // 5)  # the caches are warm then
        before, threads = fuzzed.status("VmRSS"), fuzzed.status("Threads")
        begin = time.monotonic()
        attack(COUNT - COUNT // 5)
        took = time.monotonic() - begin
        thrower.close()
        after = fuzzed.status("VmRSS")
        report(
            "malformed messages",
            request.node.callspec.id,
            sent=COUNT,
            a_second=round((COUNT - COUNT // 5) / took),
            MB_before=f"{before / 1024:.1f}",
            MB_after=f"{after / 1024:.1f}",
            bytes_logged=log.stat().st_size,
            hung_up_by_the_broker=thrower.hung_up,
        )
        assert fuzzed.alive
        assert thrower.hung_up <= 1 + COUNT / 100_000, "they have to arrive"
        assert fuzzed.status("Threads") <= threads
        assert (after - before) / 1024 < GROWTH_MB
        assert interface.get(fuzzed.names[1], "name") == {"values": [fuzzed.names[1]]}
        assert interface.cmd(fuzzed.names[1], "add", [2, 3]) == 5
    assert log.stat().st_size < 1_000_000
    assert all(len(line) < 2000 for line in log.read_bytes().splitlines())
