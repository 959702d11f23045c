"""An operator deletes exchanges, queues and bindings while traffic flows, on both brokers: all is counted."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from contract.meshes import Mesh, client, fresh_mesh, serving
from reports import FULL, report
from support.deletions import Operator
from support.ports import free_port
from support.traffic import ALERT_KEY, Asker, Doubling, Listener, Sender
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.config.mesh import MeshSettings
from dripline.core import Service
from dripline.errors import DriplineError
from dripline.runtime.client import MeshClient
from dripline.testing.faults import Faults
from dripline.transport.address import BrokerAddress
from dripline.wire.message import Message

INTERVAL_S = 0.3
SLACK_S = 8.0  # the interval and a few seconds
RATE = 100
IN_FLIGHT = RATE // 2
FOUND, RESTORED = "declaring and binding everything again", "can be reached again"
QUIET = {"heartbeat_interval_s": 0}


class Scene:
    """A mesh at work: services, a client, a monitor, and numbered alerts."""

    def __init__(self, mesh: Mesh, operator: Operator, stack: ExitStack) -> None:
        self.mesh = mesh
        self.operator = operator
        self.monitored: Counter[int] = Counter()
        arguments: dict[str, Any] = {**QUIET, **mesh.login}
        self.service = Service(mesh.name("service"), **arguments)
        self.service.add_child(Doubling(name=mesh.name("one")))
        self.service.add_async_child(Doubling(name=mesh.name("two")))
        self.listener = Listener(name=mesh.name("listener"), **arguments)
        self.durable = Listener(name=mesh.name("durable"), durable=True, **arguments)
        self.services = (self.service, self.listener, self.durable)
        for service in self.services:
            stack.enter_context(serving(service))
        self.monitor = stack.enter_context(MeshClient(MeshSettings.from_dict(mesh.settings)))
        self.monitor.monitor(["broadcast.#"], [ALERT_KEY], self._see)
        self.client = stack.enter_context(client(mesh, timeout_s=1))
        self.asker = Asker(mesh.login, [mesh.name("one"), mesh.name("two")], timeout_s=1.0)
        stack.callback(self.asker.end)
        self.sender = Sender(self.service, RATE)
        stack.callback(self.sender.end)
        self.asker.start()
        self.sender.start()

    def _see(self, message: Message) -> None:
        if message.routing_key == ALERT_KEY:
            self.monitored[message.plain_payload["value_raw"]] += 1

    @property
    def heard(self) -> dict[str, Counter[int]]:
        """What arrived of the alerts, and where."""
        return {"consumer": self.listener.heard, "durable": self.durable.heard, "monitor": self.monitored}

    def works(self) -> bool:
        """Whether all services are ready, all names answer, and a new alert arrives everywhere."""
        if not all(service._dripline_is_ready() for service in self.services):
            return False
        number = self.sender.sent
        names = [self.mesh.name("one"), self.mesh.name("two"), *(service.name for service in self.services)]
        try:
            for name in names:
                self.client.cmd(name, "ping")
        except DriplineError:
            return False
        asked = self.asker.outcomes["answered"]
        return eventually(
            lambda: (
                self.asker.outcomes["answered"] > asked + 5
                and all(max(heard, default=-1) > number for heard in self.heard.values())
            ),
            1.0,
        )


@pytest.fixture(scope="module")
def own_embedded() -> Iterator[EmbeddedBroker]:
    """An embedded broker whose queues a test may delete."""
    with EmbeddedBroker(port=free_port()) as broker:
        yield broker


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A mesh at work on each broker in turn, for all deletions: each leaves it as it was."""
    faults = None
    if request.param == "embedded":
        broker = request.getfixturevalue("own_embedded")
        address, faults = BrokerAddress(broker.host, broker.port), Faults(broker)
    else:
        address = request.getfixturevalue("rabbitmq")
    with fresh_mesh(address, self_check_interval_s=INTERVAL_S, max_reconnect_delay_s=1) as mesh:
        with ExitStack() as stack:
            scene = Scene(mesh, Operator(mesh, faults), stack)
            assert eventually(scene.works, SLACK_S), "the scene does not begin"
            yield scene
        with mesh.pika() as connection:
            connection.channel().queue_delete(f"{mesh.name('durable')}.alerts")
            connection.channel().exchange_delete(f"{mesh.alerts}.durable")


def name(scene: Scene, label: str) -> str:
    """The name of a service or endpoint."""
    return scene.mesh.name(label)


def replies_of(scene: Scene) -> str:
    """The reply queue of the client."""
    return scene.client._dripline_client().link._replies[1]


Deletion = Callable[[Scene], object]

#: What is deleted.
DELETIONS: dict[str, Deletion] = {
    "exchange of requests": lambda scene: scene.operator.delete_exchange(scene.mesh.requests),
    "exchange of alerts": lambda scene: scene.operator.delete_exchange(scene.mesh.alerts),
    "durable exchange of alerts": lambda scene: scene.operator.delete_exchange(f"{scene.mesh.alerts}.durable"),
    "binding between exchanges": lambda scene: scene.operator.unbind_exchange(
        scene.mesh.alerts, f"{scene.mesh.alerts}.durable"
    ),
    "queue of a service": lambda scene: scene.operator.delete_queue(name(scene, "service")),
    "queue of an asynchronous endpoint": lambda scene: scene.operator.delete_queue(name(scene, "two")),
    "durable queue": lambda scene: scene.operator.delete_queue(f"{name(scene, 'durable')}.alerts"),
    "reply queue": lambda scene: scene.operator.delete_queue(replies_of(scene)),
    "binding of a service": lambda scene: scene.operator.unbind(
        scene.mesh.requests, name(scene, "service"), f"{name(scene, 'service')}.#"
    ),
    "binding of an endpoint": lambda scene: scene.operator.unbind(
        scene.mesh.requests, name(scene, "service"), f"{name(scene, 'one')}.#"
    ),
    "binding of an asynchronous endpoint": lambda scene: scene.operator.unbind(
        scene.mesh.requests, name(scene, "two"), f"{name(scene, 'two')}.#"
    ),
    "binding of a consumer of alerts": lambda scene: scene.operator.unbind(
        scene.mesh.alerts, name(scene, "listener"), ALERT_KEY
    ),
    "binding of a durable queue": lambda scene: scene.operator.unbind(
        f"{scene.mesh.alerts}.durable", f"{name(scene, 'durable')}.alerts", ALERT_KEY
    ),
    "binding of a reply queue": lambda scene: scene.operator.unbind(
        scene.mesh.requests, replies_of(scene), replies_of(scene)
    ),
}


#: Who finds and reports that something is missing. Who loses a connection or a consumer reports that instead, and
#: the other bindings are restored without anybody noticing.
REPORTS: dict[str, list[str]] = {
    "exchange of requests": ["listener", "durable"],
    "exchange of alerts": ["listener"],
    "durable exchange of alerts": ["durable"],
    "binding of a service": ["service"],
    "binding of an endpoint": ["service"],
    "binding of an asynchronous endpoint": ["service"],
}


#: Who may miss what was sent between the deletion and the next check.
MISSED_BY = {
    **dict.fromkeys(DELETIONS, ()),
    "exchange of alerts": ("consumer", "monitor"),
    "durable exchange of alerts": ("durable",),
    "binding between exchanges": ("durable",),
    "durable queue": ("durable",),
    "binding of a consumer of alerts": ("consumer",),
    "binding of a durable queue": ("durable",),
}


class ReadyThen(logging.Handler):
    """Notes which services say that they are ready when they report something as missing."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(logging.WARNING)
        self._services = {service.name: service for service in scene.services}
        self.found: dict[str, bool] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Look at the service that a line is about."""
        line = record.getMessage()
        if FOUND in line:
            name = line.partition(":")[0]
            if name != "monitor":
                self.found[name] = self._services[name]._dripline_is_ready()


#: On RabbitMQ, what is exclusive to a connection takes `rabbitmqctl`, and that takes seconds: one of each kind.
SLOW = {
    "queue of an asynchronous endpoint",
    "reply queue",
    "binding of a service",
    "binding of an asynchronous endpoint",
    "binding of a consumer of alerts",
    "binding of a reply queue",
}
CASES = [("embedded", what) for what in DELETIONS]
CASES += [("rabbitmq", what) for what in DELETIONS if FULL or what not in SLOW]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("scene", "what"), CASES, indirect=["scene"])
def test_what_an_operator_deletes_is_restored(scene, what, request, caplog) -> None:
    """All works again within the interval of the checks and a few seconds, and each line is logged once.

    Requests that were sent meanwhile fail, none is answered wrongly. The alerts that are missing were sent between
    the deletion and the next check, to consumers whose bindings were gone. None is consumed twice, unless a
    connection was lost and nobody could know what had arrived. Who finds something missing is not ready.
    """
    caplog.set_level(logging.WARNING)
    caplog.clear()
    ready = ReadyThen(scene)
    logging.getLogger("dripline").addHandler(ready)
    request.addfinalizer(lambda: logging.getLogger("dripline").removeHandler(ready))
    assert eventually(scene.works, SLACK_S)
    time.sleep(2 * INTERVAL_S)  # for a check of everything on the connection that there is now
    outcomes, first = Counter(scene.asker.outcomes), scene.sender.sent
    DELETIONS[what](scene)
    begin = time.monotonic()
    assert eventually(scene.works, SLACK_S)
    took_s, last = time.monotonic() - begin, scene.sender.sent
    assert eventually(lambda: all(max(heard) > last + RATE / 10 for heard in scene.heard.values()), SLACK_S)
    sent = range(first - IN_FLIGHT, last + RATE // 10)
    missing = {where: [number for number in sent if number not in heard] for where, heard in scene.heard.items()}
    outcomes = Counter(scene.asker.outcomes) - outcomes
    report(
        f"{what} deleted", request.node.callspec.params["scene"],
        sent=last - first, **{f"missing_{where}": len(numbers) for where, numbers in missing.items()},
        **dict(outcomes), back_after=f"{took_s:.1f} s",
    )  # fmt: skip
    for where, numbers in missing.items():
        assert not numbers or where in MISSED_BY[what], (where, numbers)
        assert all(number <= last for number in numbers)
    assert outcomes["wrong"] == 0
    # The monitor sees at its next check that all is well.
    assert eventually(lambda: caplog.text.count(FOUND) == caplog.text.count(RESTORED), SLACK_S)
    _each_line_once(caplog.messages, scene)
    if "reconnecting" not in caplog.text:
        assert all(heard[number] <= 1 for heard in scene.heard.values() for number in sent)
    assert set(map(scene.mesh.name, REPORTS.get(what, ()))) <= set(ready.found)
    assert not any(ready.found.values())


def _each_line_once(lines: list[str], scene: Scene) -> None:
    """What is found is logged once, and once that it is over; a lost connection once for each that was lost."""
    found = [line.partition(":")[0] for line in lines if FOUND in line]
    restored = [line.partition(":")[0] for line in lines if RESTORED in line]
    assert sorted(found) == sorted(restored)
    assert len(set(found)) == len(found)
    lost = [line for line in lines if line.endswith("; reconnecting")]
    assert len(lost) == len([line for line in lines if line.startswith("connected again")])
    assert len(lost) <= len(scene.services) + 3, "of the monitor and the clients, too"
