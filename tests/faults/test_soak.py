"""A mesh for a long time, with a fault every few seconds: what is durable gets everything, and nothing grows.

``DRIPLINE_TEST_FULL=1`` takes 20 minutes on each broker; a quarter of a minute unless that is set.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from contract.meshes import Mesh, serving
from reports import FULL, report
from restarting import Restarting
from support.logger_process import LoggerProcess
from support.proxy import Proxy
from support.traffic import Clients, Listener, serving_process
from support.waiting import eventually

from dripline.core import Interface
from dripline.errors import DriplineError

DURATION_S = 1200.0 if FULL else 15.0
RATE = 300
SELF_CHECK_S = 2.0
REPAIR_S = 10.0 if FULL else 4.0  # a self-check may find a connection that is held, or a broker that is just back
PATIENCE_S = 180.0 if FULL else 60.0
CLIENTS = 4
TIMEOUT_S = 5.0
GROWTH_MB = 15.0


class Held(NamedTuple):
    """What a process holds: resident memory in MB, threads, open files and sockets."""

    memory_mb: float
    threads: int
    files: int

    @classmethod
    def by(cls, pid: int) -> Held:
        """Read it from the system."""
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        files = len(os.listdir(f"/proc/{pid}/fd"))
        return cls(int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"]), files)


class Source:
    """A service that sends numbered alerts, in a process of its own.

    Args:
        login: Arguments of the service.
        name: Its name.
        folder: Where its alerts wait while the broker is away.
    """

    def __init__(self, login: dict[str, Any], name: str, folder: Path) -> None:
        self._program = (
            "import sys\n"
            "from dripline.core import Service\n"
            "from support.traffic import Sender\n"
            f"spool = {{'folder': {str(folder)!r}, 'in_memory': 1000}}\n"
            f"service = Service({name!r}, alert_spool=spool, **{login!r})\n"
            "service.start()\n"
            f"sender = Sender(service, {RATE})\n"
            "sender.start()\n"
            "for line in sys.stdin:\n"
            "    print(sender.end() if line == 'end\\n' else sender.sent, flush=True)\n"
            "service.stop()\n"
        )

    @property
    def sent(self) -> int:
        """How many alerts it has sent."""
        return self._ask("count")

    def end(self) -> int:
        """Send no more; returns how many were sent."""
        return self._ask("end")

    def _ask(self, word: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self) -> Source:
        pipe, words = subprocess.PIPE, [sys.executable, "-c", self._program]
        variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(words, env=variables, stdin=pipe, stdout=pipe, text=True)
        assert eventually(lambda: self.sent > 0, PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


class Soak:
    """The mesh, and the faults that befall it.

    Attributes:
        faults: How often each fault has happened.
        exempt: Numbers of alerts that were sent between the deletion of an exchange and the self-check after it.
    """

    def __init__(self, restarting: Restarting, folder: Path, proxy: Proxy) -> None:
        self.faults: Counter[str] = Counter()
        self.exempt: set[int] = set()
        self._restarting = restarting
        address = restarting.address
        settings = {
            "broker": address.host,
            "broker_port": address.port,
            "self_check_interval_s": SELF_CHECK_S,
        }
        self.direct = Mesh(address, settings, f"{time.time_ns() % 10**9}")
        behind = {**settings, "broker": proxy.host, "broker_port": proxy.port, "heartbeat_s": 1}
        self.mesh = Mesh(address, behind, self.direct.suffix)
        self._proxy = proxy
        url = f"sqlite:///{folder}/values.sqlite"
        self.logger = LoggerProcess(self.mesh, folder, url)
        self.source = Source(self.mesh.login, self.mesh.name("source"), folder / "alerts")

    def run(self, until: float) -> None:
        """Do something bad every few seconds."""
        chance = random.Random(7)
        faults = [self._cut, self._hold, self._kill_logger, self._restart, self._delete_exchange]
        while time.monotonic() < until:
            # Each of them in turn, in an order that changes.
            for fault in chance.sample(faults, len(faults)):
                time.sleep(chance.uniform(0.2, 2.0))
                print(f"{fault.__name__} after {self.source.sent} alerts")  # pytest shows it if the test fails
                fault(chance)
                self.faults[fault.__name__.strip("_")] += 1

    def _cut(self, chance: random.Random) -> None:
        self._proxy.cut(reset=chance.random() < 0.5)

    def _hold(self, chance: random.Random) -> None:
        self._proxy.hold()
        time.sleep(chance.uniform(0.5, 4.0))
        self._proxy.cut()

    def _kill_logger(self, _chance: random.Random) -> None:
        self.logger.end(signal.SIGKILL)
        self.logger.start()

    def _restart(self, _chance: random.Random) -> None:
        self._restarting.restart()

    def _delete_exchange(self, chance: random.Random) -> None:
        """Delete one, with nothing waiting, so that it is known which alerts are sent meanwhile."""
        assert eventually(self.nothing_waits, PATIENCE_S)
        first = self.source.sent - RATE
        with self.direct.pika() as connection:
            connection.channel().exchange_delete(chance.choice(["requests", "alerts", "alerts.durable"]))
        time.sleep(SELF_CHECK_S + REPAIR_S)
        assert eventually(self.nothing_waits, PATIENCE_S)
        self.exempt.update(range(first, self.source.sent))

    def nothing_waits(self) -> bool:
        """Whether the source can be reached, and no alert of it waits for the broker."""
        try:
            with Interface(**self.direct.login, timeout_s=5) as client:
                return bool(client.get(self.mesh.name("source"), specifier="health")["waiting_alerts"] == 0)
        except DriplineError:
            return False


@pytest.fixture
def soak(restarting: Restarting, tmp_path: Path) -> Iterator[Soak]:
    """The mesh; its network can be cut and held."""
    with Proxy(restarting.address.host, restarting.address.port) as proxy:
        soak = Soak(restarting, tmp_path, proxy)
        with soak.logger:
            soak.logger.start()
            yield soak


@pytest.mark.timeout(900 + 2 * DURATION_S)
def test_a_mesh_with_a_fault_every_few_seconds(soak, request) -> None:
    """No alert is missing in what is durable, apart from those between a deletion and the next self-check."""
    mesh, endpoint = soak.mesh, soak.mesh.name("doubling")
    durable = Listener(name=mesh.name("durable"), durable=True, self_check_interval_s=SELF_CHECK_S, **mesh.login)
    with (
        serving(durable),
        soak.source,
        serving_process(mesh.login, mesh.name("store"), endpoint) as store,
        Interface(**mesh.login) as client,
    ):
        assert eventually(lambda: answers(client, endpoint), PATIENCE_S)
        watched = {"store": store.pid, "source": soak.source.process.pid}
        with Clients(mesh.login, [endpoint], TIMEOUT_S, CLIENTS) as clients:
            begin = time.monotonic()
            if FULL:  # all has happened once before it is measured
                soak.run(begin + DURATION_S / 10)
            before = {name: Held.by(pid) for name, pid in watched.items()}
            soak.run(begin + DURATION_S)
            assert eventually(lambda: answers(client, endpoint), PATIENCE_S)
            clients.end()
        count = soak.source.end()
        wanted = set(range(count)) - soak.exempt
        eventually(lambda: durable.heard.keys() >= wanted, PATIENCE_S)
        rows = soak.logger.rows
        eventually(lambda: len(rows()) >= len(wanted) and {number for number, _ in rows()} >= wanted, PATIENCE_S)
        after = {name: Held.by(pid) for name, pid in watched.items()}
        written = [number for number, _ in rows()]
        with soak.direct.pika() as connection:
            for name in ("durable", "logger"):
                connection.channel().queue_delete(f"{mesh.name(name)}.alerts")
    missing = {"consumer": set(range(count)) - durable.heard.keys(), "logger": set(range(count)) - set(written)}
    report(
        "soak: " + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(soak.faults.items())),
        request.node.callspec.id,
        minutes=f"{DURATION_S / 60:.2g}",
        sent=count,
        **{f"missing_in_{name}": len(numbers - soak.exempt) for name, numbers in missing.items()},
        missing_after_a_deletion=max(len(numbers) for numbers in missing.values()),
        **dict(clients.outcomes),
        longest=f"{clients.longest_s:.1f} s",
        **{name: f"{held.memory_mb:.0f} -> {after[name].memory_mb:.0f} MB" for name, held in before.items()},
    )
    assert ranges(missing["consumer"] - soak.exempt) == []
    assert ranges(missing["logger"] - soak.exempt) == []
    assert len(written) == len(set(written)), "no row is there twice"
    assert clients.outcomes["wrong"] == 0
    for name, held in before.items():
        assert after[name].memory_mb < held.memory_mb + GROWTH_MB, name
        assert after[name].threads <= held.threads + 1, name
        assert after[name].files <= held.files + 2, name


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of numbers that follow each other."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def answers(client: Interface, name: str) -> bool:
    """Whether somebody answers, now."""
    try:
        client.get(name, timeout_s=1)
    except DriplineError:
        return False
    return True
