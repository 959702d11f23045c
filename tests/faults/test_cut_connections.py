"""Connections that are cut or become half-open at random moments under load, on both brokers: all is counted.

``DRIPLINE_TEST_FULL=1`` cuts 100 times and holds 20 times.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from contract.meshes import Mesh, fresh_mesh, serving
from reports import FULL, report
from support.proxy import Proxy
from support.traffic import Asker, Doubling, Sender, Witness, all_came
from support.waiting import eventually

from dripline.core import Service
from dripline.runtime import reconnecting_connection

CUTS = 100 if FULL else 4
HELD = 20 if FULL else 1
CLIENTS = 8 if FULL else 3
RATE = 1000 if FULL else 300
TIMEOUT_S = 5.0
SLACK_S = 15.0  # a machine at work may be late, but it does not hang
PATIENCE_S = 60.0


@dataclass
class Scene:
    """A service that answers and sends alerts, clients that ask, and a witness, with a network between.

    Attributes:
        proxy: all but the witness are connected through it.
        service: what is asked, and sends.
        witness: hears the alerts.
        askers: what asks.
        sender: what sends.
    """

    proxy: Proxy
    service: Service
    witness: Witness
    askers: list[Asker]
    sender: Sender

    @property
    def outcomes(self) -> Counter[str]:
        """How all requests ended."""
        return sum((asker.outcomes for asker in self.askers), Counter())

    def end(self) -> int:
        """Ask and send no more, and wait for the last alerts; returns how many were sent."""
        for asker in self.askers:
            asker.end()
        count = self.sender.end()
        all_came(self.witness.heard, count, PATIENCE_S)
        return count

    def check(self, count: int) -> None:
        """Nothing is lost, doubled without being recognizable, answered wrongly, or late beyond its timeout."""
        assert self.witness.missing(count) == []
        assert self.witness.ids == count, "what is sent again has the id it had"
        assert self.outcomes["wrong"] == 0
        assert self.outcomes["answered"] > 0
        assert max(asker.longest_s for asker in self.askers) < TIMEOUT_S + SLACK_S

    def report(self, fault: str, broker: str, times: int, count: int) -> None:
        """Tell the numbers."""
        heard = self.witness.heard
        report(
            fault,
            broker,
            times=times,
            sent=count,
            missing=len(self.witness.missing(count)),
            twice=heard.total() - len(heard),
            **dict(self.outcomes),
            longest=f"{max(asker.longest_s for asker in self.askers):.1f} s",
        )


@pytest.fixture
def scene(broker, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The scene, with everybody at work."""
    monkeypatch.setattr(
        reconnecting_connection, "_STEADY_S", 0.0
    )  # the pauses between attempts do not grow from cut to cut
    with Proxy(broker.host, broker.port) as proxy, fresh_mesh(broker, heartbeat_s=1) as mesh:
        login = through(mesh, proxy)
        service = Service(mesh.name("service"), alert_spool={"in_memory": 10**6}, **login)
        endpoint = mesh.name("doubling")
        service.add_child(Doubling(name=endpoint))
        with serving(service):
            witness = Witness(broker, mesh.alerts, mesh.name("witness"))
            askers = [Asker(login, [endpoint], TIMEOUT_S) for _ in range(CLIENTS)]
            sender = Sender(service, RATE)
            for thread in (*askers, sender):
                thread.start()
            yield Scene(proxy, service, witness, askers, sender)
            for asker in askers:
                asker.end()
            sender.end()
        witness.end()


def through(mesh: Mesh, proxy: Proxy) -> dict[str, Any]:
    """The login of a mesh, with a network between."""
    return {
        **mesh.login,
        "dripline_mesh": {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port},
    }


@pytest.mark.timeout(600 + 4 * CUTS)
def test_connections_cut_at_random_moments(scene, request) -> None:
    """No alert is missing, no answer is wrong, no client hangs."""
    chance = random.Random(1)
    done = 0
    while done < CUTS:
        time.sleep(chance.uniform(0.0, 0.8))
        done += scene.proxy.cut(reset=chance.random() < 0.5) > 0
    count = scene.end()
    scene.report("connections cut", request.node.callspec.id, done, count)
    scene.check(count)


@pytest.mark.timeout(600 + 20 * HELD)
def test_connections_half_open_at_random_moments(scene, request) -> None:
    """Heartbeats tell both sides; until then callers wait no longer than their timeout, and alerts are kept."""
    chance = random.Random(2)
    noticed = []
    for _ in range(HELD):
        time.sleep(chance.uniform(0.2, 1.0))
        before = scene.outcomes["answered"]
        begin = time.monotonic()
        held = scene.proxy.hold()
        assert held
        assert eventually(lambda before=before: scene.outcomes["answered"] > before + 10, PATIENCE_S)
        noticed.append(time.monotonic() - begin)
    count = scene.end()
    scene.report("half-open", request.node.callspec.id, HELD, count)
    scene.check(count)
    assert max(noticed) < PATIENCE_S
