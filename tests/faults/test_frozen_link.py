"""A link that takes nothing and says nothing: values are read and sent all the same, and stop keeps its time.

``DRIPLINE_TEST_FULL=1`` has 150 entities and holds the link for 15 s.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from alerts import all_of, health, sending_from, through, waits_for_nothing, witness_of
from contract.meshes import client, fresh_mesh
from reports import FULL, report
from support.proxy import Proxy
from support.traffic import ALERT_KEY
from support.waiting import eventually

from dripline.core import Endpoint, Entity, Interface, MsgAlert, Service, calibrate
from dripline.errors import DriplineError

ENTITIES = 150 if FULL else 60
INTERVAL_S = 1.0 if FULL else 0.1
HELD_S = 15.0 if FULL else 3.0
GRACE_S = 1.0
STOPPING_S = 1.0  # beyond the grace, on a quiet machine
LATE_S = 2.0  # a machine with much else to do


class Counting(Entity):
    """Gives a number that no other one gives."""

    def __init__(self, times: list[float], numbers: Any, **kwargs: Any) -> None:
        self.times = times
        self.numbers = numbers
        Entity.__init__(self, log_interval=INTERVAL_S, **kwargs)

    @calibrate()
    def on_get(self) -> int:
        """Return the next number."""
        self.times.append(time.monotonic())
        return next(self.numbers)


class Held(Service):
    """Measures how long its calls of `send` take.

    Attributes:
        longest_s: The longest one.
        sent: How many alerts were taken.
    """

    longest_s = 0.0
    sent = 0

    def send(self, a_message: Any) -> Any:
        """Send, and look at the clock."""
        if isinstance(a_message, MsgAlert) and a_message.routing_key.startswith("sensor_value."):
            a_message.routing_key = ALERT_KEY
        begin = time.monotonic()
        result = Service.send(self, a_message)
        self.longest_s = max(self.longest_s, time.monotonic() - begin)
        self.sent += bool(result.successful_send) and isinstance(a_message, MsgAlert)
        return result


def reads_a_second(times: list[float]) -> float:
    """How many values are read in a second, for a while."""
    before, begin = len(times), time.monotonic()
    time.sleep(HELD_S)
    return (len(times) - before) / (time.monotonic() - begin)


@pytest.mark.parametrize("heartbeat_s", [0, 10])
def test_a_frozen_link_does_not_stop_the_measuring(broker, tmp_path: Path, request, heartbeat_s) -> None:
    """Every value is read on time and none is lost: what was not confirmed is sent after the next start."""
    times: list[float] = []
    numbers = iter(range(10**9))
    with (
        Proxy(broker.host, broker.port) as proxy,
        fresh_mesh(broker, heartbeat_s=heartbeat_s) as mesh,
        witness_of(broker, mesh) as witness,
    ):
        service = Held(
            mesh.name("service"),
            enable_scheduling=True,
            heartbeat_interval_s=0.1,
            stop_grace_s=GRACE_S,
            alert_spool={"folder": str(tmp_path), "in_memory": 500},
            **through(mesh, proxy),
        )
        for number in range(ENTITIES):
            service.add_child(Counting(times, numbers, name=f"e{number}"))
        service.start()
        assert eventually(lambda: len(witness.heard) > ENTITIES)
        usual = reads_a_second(times)
        wanted = min(0.7 * ENTITIES / INTERVAL_S, 0.5 * usual)  # a busy machine reads less, frozen link or not
        proxy.freeze()
        service.longest_s = 0.0
        held = 0.0
        for _ in range(5):  # and may be busier now
            held = max(held, reads_a_second(times))
            if held > wanted:
                break
        memory = len(service._Service__link._publisher._backlog._fresh)  # type: ignore[attr-defined]
        begin = time.monotonic()
        service.stop()
        stopped_s = time.monotonic() - begin
        proxy.cut()
        proxy.thaw()
        with sending_from(tmp_path, mesh) as again:
            assert waits_for_nothing(again)
            arrived = all_of(witness, range(service.sent))
            assert health(again)["dropped_alerts"] == health(again)["damaged_alerts"] == 0
        report(
            f"link frozen, heartbeat {heartbeat_s} s",
            request.node.callspec.params["broker"],
            sent=service.sent,
            missing=len(set(range(service.sent)) - set(witness.heard)),
            values_a_second=f"{held:.0f}, before {usual:.0f}",
            longest_send=f"{service.longest_s * 1000:.1f} ms",
            stopped_in=f"{stopped_s:.1f} s",
        )
    assert arrived
    assert held > wanted
    assert memory <= 1500
    assert service.longest_s < HELD_S / 2, "well under 0.1 s on a quiet machine; the link takes nothing for longer"
    assert stopped_s < GRACE_S + STOPPING_S + LATE_S


def test_a_reply_that_cannot_be_sent_does_not_hold_up_stop(broker) -> None:
    """A handler whose long reply finds no room on a frozen link is not waited for beyond the grace."""
    went_on = threading.Event()

    class Long(Endpoint):
        def do_long(self) -> str:
            went_on.wait(30)
            return "x" * 12_000_000

    with Proxy(broker.host, broker.port) as proxy, fresh_mesh(broker, heartbeat_s=0) as mesh:
        service = Service(mesh.name("service"), stop_grace_s=GRACE_S, **through(mesh, proxy))
        service.add_child(Long(name=mesh.name("long")))
        service.start()
        with client(mesh) as interface:
            askers = [threading.Thread(target=_ask, args=(interface, mesh.name("long"))) for _ in range(3)]
            for asker in askers:
                asker.start()
            time.sleep(0.5)
            proxy.freeze()
            went_on.set()
            time.sleep(0.5)
            begin = time.monotonic()
            service.stop()
            stopped_s = time.monotonic() - begin
            proxy.cut()
            for asker in askers:
                asker.join()
    assert stopped_s < GRACE_S + STOPPING_S + LATE_S


def _ask(interface: Interface, name: str) -> None:
    with pytest.raises(DriplineError):
        interface.cmd(name, "long", timeout_s=4)
