"""Alerts that wait in large numbers: caught up with over a slow network, and dropped in exact numbers.

``DRIPLINE_TEST_FULL=1`` has 60,000 waiting alerts with 1900 new ones a second, and cuts connections 60 times.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from subprocess import PIPE

import pytest
from alerts import all_of, fill, health, sending_from, through, waits_for_nothing, witness_of
from contract.meshes import Mesh, fresh_mesh
from reports import FULL, report
from support.proxy import Proxy
from support.slow_proxy import SlowProxy
from support.traffic import ALERT_KEY
from support.waiting import eventually

from dripline.core import MsgAlert, Service
from dripline.runtime import alert_publisher, reconnecting_connection
from dripline.transport.address import BrokerAddress

WAITING = 60_000 if FULL else 4000
RATE = 1900 if FULL else 300
LATENCY_S = 0.1
IN_MEMORY = 2000 if FULL else 500
CUTS = 60 if FULL else 6
PATIENCE_S = 120.0


@pytest.fixture
def mesh(broker: BrokerAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    """A mesh on which a service is back soon, and sends soon."""
    monkeypatch.setattr(alert_publisher, "_SETTLE_S", -1.0)
    with fresh_mesh(broker, max_reconnect_delay_s=1) as mesh:
        yield mesh


def in_memory(service: Service) -> int:
    """How many alerts are in a service's memory, and not under way."""
    return len(service._Service__link._publisher._backlog._fresh)  # type: ignore[attr-defined]


def send_numbers(service: Service, numbers: Iterator[int], rate: float, for_s: float) -> list[int]:
    """Send numbered alerts at a rate; the numbers that were taken."""
    taken: list[int] = []
    begin, done = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < for_s:
        while done < passed * rate:
            number = next(numbers)
            done += 1
            if service.send(MsgAlert.create({"value_raw": number}, ALERT_KEY)).successful_send:
                taken.append(number)
        time.sleep(0.002)
    return taken


@pytest.mark.timeout(900)
def test_a_backlog_drains_over_a_slow_network_while_new_alerts_come(broker, mesh, tmp_path: Path, request) -> None:
    """Latency does not set the rate, new alerts go behind the backlog on disk, and memory stays bounded."""
    fill(tmp_path, range(WAITING))
    numbers = count(WAITING)
    most = 0
    with (
        SlowProxy(broker.host, broker.port, LATENCY_S) as proxy,
        witness_of(broker, mesh) as witness,
        sending_from(
            tmp_path, mesh, alert_spool={"in_memory": IN_MEMORY}, heartbeat_interval_s=0, **through(mesh, proxy)
        ) as service,
    ):
        assert eventually(lambda: health(service)["waiting_alerts"])
        begin = time.monotonic()
        sent = WAITING
        while health(service)["waiting_alerts"] > IN_MEMORY and time.monotonic() < begin + PATIENCE_S:
            sent += len(send_numbers(service, numbers, RATE, 0.2))
            most = max(most, in_memory(service))
        drained_s = time.monotonic() - begin
        assert waits_for_nothing(service)
        assert all_of(witness, range(sent))
        report(
            "60,000 alerts wait behind 100 ms" if FULL else "alerts wait behind 100 ms",
            request.node.callspec.params["broker"],
            sent=sent,
            missing=len(witness.missing(sent)),
            twice=witness.heard.total() - len(witness.heard),
            a_second=round(sent / drained_s),
            most_in_memory=most,
        )
        assert health(service)["dropped_alerts"] == 0
    assert drained_s < PATIENCE_S
    assert most <= 2 * IN_MEMORY + 1000
    assert witness.order == sorted(witness.order)


@pytest.mark.parametrize("drop", ["oldest", "newest"])
def test_dropped_alerts_are_counted_exactly(broker, mesh, tmp_path: Path, monkeypatch, request, drop) -> None:
    """With hardly any room and a connection that is cut again and again: what was sent arrived or is counted."""
    monkeypatch.setattr(reconnecting_connection, "_STEADY_S", 0.0)
    chance = random.Random(3)
    numbers = count()
    offered = 0
    spool = {"in_memory": 20, "on_disk_mb": 0.05, "drop": drop}
    with (
        Proxy(broker.host, broker.port) as proxy,
        witness_of(broker, mesh) as witness,
        sending_from(tmp_path, mesh, alert_spool=spool, heartbeat_interval_s=0, **through(mesh, proxy)) as service,
    ):
        for _ in range(CUTS):
            send_numbers(service, numbers, 1000, chance.uniform(0.1, 1.0))
            proxy.cut(reset=chance.random() < 0.5)
        send_numbers(service, numbers, 1000, 0.2)
        offered = next(numbers)
        assert waits_for_nothing(service)
        assert eventually(lambda: len(witness.heard) + health(service)["dropped_alerts"] >= offered)
        dropped = health(service)["dropped_alerts"]
        report(
            f"cut with 0.05 MB of room, {drop} dropped",
            request.node.callspec.params["broker"],
            times=CUTS,
            sent=offered,
            arrived=len(witness.heard),
            counted_as_dropped=dropped,
        )
        time.sleep(0.5)
        assert (len(witness.heard) + dropped, health(service)["damaged_alerts"]) == (offered, 0)
        assert dropped > 0


def test_a_service_that_is_killed_loses_no_more_than_its_memory_holds(
    broker, mesh, tmp_path: Path, request
) -> None:
    """Beyond `in_memory` alerts are on disk, also while new ones come: the next start sends them, each once."""
    sent, most = 3000, 100
    with Proxy(broker.host, broker.port) as proxy, witness_of(broker, mesh) as witness:
        spool = {"folder": str(tmp_path), "in_memory": most}
        program = (
            "import time\n"
            "from dripline.core import MsgAlert, Service\n"
            f"service = Service('killed', alert_spool={spool!r}, **{through(mesh, proxy)!r})\n"
            "service.start()\n"
            "print('started', flush=True)\n"
            "input()\n"
            f"for number in range({sent}):\n"
            f"    service.send(MsgAlert.create({{'value_raw': number}}, {ALERT_KEY!r}))\n"
            "    time.sleep(0.0005)\n"
            "backlog = service._Service__link._publisher._backlog\n"
            f"while len(backlog._fresh) + backlog._held > {most}:\n"
            "    time.sleep(0.01)\n"
            "print('sent', backlog.dropped, flush=True)\n"
            "input()\n"
        )
        process = subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        proxy.refuse = True
        proxy.cut()
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"sent 0\n"
        process.kill()
        process.communicate()
        with sending_from(tmp_path, mesh) as service:
            assert eventually(lambda: len(witness.heard) >= sent - most)
            assert waits_for_nothing(service)
        missing = witness.missing(sent)
        report(
            "service killed while alerts wait",
            request.node.callspec.params["broker"],
            sent=sent,
            missing=len(missing),
            in_memory=most,
        )
    assert len(missing) <= most
    assert missing == list(range(sent))[sent - len(missing) :], "the newest"
    assert witness.heard.total() == len(witness.heard)
