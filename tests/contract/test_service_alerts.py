"""Heartbeats, logged values and who listens to them, on both brokers."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dripline.core import AlertConsumer, Entity, MsgAlert, Service, calibrate
from dripline.errors import DriplineError

from .captures import cases, facts
from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving
from .replayer import Replayer

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}


class Listener(AlertConsumer):
    """A consumer that keeps what it gets."""

    def __init__(self, **kwargs: Any) -> None:
        self.alerts: queue.Queue[tuple[str, Any]] = queue.Queue()
        AlertConsumer.__init__(self, **kwargs)

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Keep it."""
        self.alerts.put((an_alert.routing_key, an_alert.plain_payload))

    def next(self) -> tuple[str, Any]:
        """The next alert, within half a minute."""
        return self.alerts.get(timeout=30)


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def listener(mesh: Mesh) -> Iterator[Listener]:
    """Who hears all alerts."""
    with serving(Listener(name=mesh.name("listener"), heartbeat_interval_s=0, **mesh.login)) as listener:
        yield listener


def service(mesh: Mesh, *endpoints: Any, **kwargs: Any) -> Service:
    """A service that logs, without heartbeats."""
    made = Service(
        mesh.name("s"), **{"enable_scheduling": True, "heartbeat_interval_s": 0, **kwargs}, **mesh.login
    )
    for endpoint in endpoints:
        made.add_child(endpoint)
    return made


class Sequence(Entity):
    """Gives one value after the other, then the last one again."""

    def __init__(self, values: list[Any], **kwargs: Any) -> None:
        self.values = values
        Entity.__init__(self, **{"name": "sequence", "log_interval": 0.02, **kwargs})

    @calibrate()
    def on_get(self) -> Any:
        """Return the next value."""
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def raw_values(listener: Listener, count: int) -> list[Any]:
    """The raw values of the next alerts."""
    return [listener.next()[1]["value_raw"] for _ in range(count)]


def test_a_service_has_a_heartbeat(mesh, listener):
    """`heartbeat.<service>` with its name and the id of this run, which is another one after a restart."""
    beating = service(mesh, heartbeat_interval_s=0.05)
    ids = set()
    for _ in range(2):
        with serving(beating):
            beats = [listener.next() for _ in range(2)]
        assert {key for key, _ in beats} == {f"heartbeat.{beating.name}"}
        assert {payload["name"] for _, payload in beats} == {beating.name}
        assert len({payload["id"] for _, payload in beats}) == 1
        ids.add(beats[0][1]["id"])
        listener.send(MsgAlert.create(None, "marker"))  # behind the last heartbeat
        while listener.next()[0] != "marker":
            pass
    assert len(ids) == 2


def test_the_first_heartbeat_comes_after_one_interval(mesh, listener):
    """A service that was just started is not announced by it; 0 sends none."""
    with (
        serving(service(mesh, heartbeat_interval_s=60)),
        serving(Service(mesh.name("other"), heartbeat_interval_s=0, **mesh.login)) as other,
    ):
        assert other.send(MsgAlert.create("marker", "marker")).successful_send
        assert listener.next() == ("marker", "marker")


def test_a_heartbeat_is_as_captured(mesh):
    """Properties, headers and types."""
    beating = service(mesh, heartbeat_interval_s=0.05)
    with serving(beating):
        peer = Replayer(mesh)
        beat = peer.receive()
        peer.close()
    captured = facts(cases()["heartbeat_and_logs"].alerts[0])
    actual = facts(beat, beating.name)
    for found in (captured, actual):
        del found["correlation_id"], found["body"]
    assert actual == captured
    assert sorted(beat.payload) == ["id", "name"]


def test_a_heartbeat_key_of_the_mesh(broker):
    """`heartbeat_routing_key` is a setting of the mesh."""
    with (
        fresh_mesh(broker, heartbeat_routing_key="pulse") as mesh,
        serving(Listener(name=mesh.name("l"), heartbeat_interval_s=0, **mesh.login)) as listener,
        serving(service(mesh, heartbeat_interval_s=0.05)) as beating,
    ):
        assert listener.next()[0] == f"pulse.{beating.name}"


def test_values_are_logged_at_their_interval(mesh, listener):
    """`sensor_value.<endpoint>` with the payload of a get, calibrated."""
    with serving(service(mesh, Sequence([1, 2, 3], calibration="2*{}"))):
        first = [listener.next() for _ in range(3)]
    assert first == [
        ("sensor_value.sequence", {"value_raw": raw, "value_cal": 2 * raw}) for raw in (1, 2, 3)
    ]  # fmt: skip


def test_an_entity_without_calibration_logs_its_raw_value(mesh, listener):
    """`check_field` falls back to it."""
    with serving(service(mesh, Sequence([1, 1, 1, 5], max_interval=1000))):
        assert raw_values(listener, 2) == [1, 5]


def test_values_are_logged_when_they_change_enough(mesh, listener):
    """More than both limits allow, compared with what was logged last."""
    entity = Sequence(
        [10, 10.5, 11.5, 11.4, 9, 100, 101, 120],
        max_interval=timedelta(hours=1),
        max_absolute_change=1,
        max_fractional_change=float("inf"),
    )
    with serving(service(mesh, entity)):
        assert raw_values(listener, 5) == [10, 11.5, 9, 100, 120]


def test_fractional_changes_count(mesh, listener):
    """2*|new-old| > max_fractional_change*|new+old|."""
    entity = Sequence([100, 109, 111, -111], max_interval=1000, max_absolute_change=float("inf"))
    entity.max_fractional_change = 0.1
    with serving(service(mesh, entity)):
        assert raw_values(listener, 3) == [100, 111, -111]


def test_after_the_longest_interval_a_value_is_logged_all_the_same(mesh, listener):
    """So that it is known to be alive."""
    entity = Sequence([7], max_interval=0.1, max_absolute_change=1000, max_fractional_change=1000)
    with serving(service(mesh, entity)):
        assert raw_values(listener, 2) == [7, 7]


def test_texts_are_logged_when_they_change(mesh, listener):
    """A valve is open or closed."""
    with serving(service(mesh, Sequence(["OPEN", "OPEN", "CLOSED", "CLOSED", "OPEN"], max_interval=1000))):
        assert raw_values(listener, 3) == ["OPEN", "CLOSED", "OPEN"]


def test_nothing_is_logged_without_scheduling(mesh, listener):
    """`enable_scheduling` is off for a service made in Python, unless it says so."""
    with serving(service(mesh, Sequence([1]), enable_scheduling=False)) as quiet:
        quiet.send(MsgAlert.create(None, "marker"))
        assert listener.next() == ("marker", None)


def test_logging_can_be_switched_by_message(mesh, listener):
    """`stop_logging`, `start_logging`, and a new interval."""
    with serving(service(mesh, Sequence([1], log_interval=1000))), client(mesh) as interface:
        interface.set("sequence", 0.02, "log_interval")
        assert raw_values(listener, 2) == [1, 1]
        interface.cmd("sequence", "stop_logging")
        interface.cmd("sequence", "log_a_value", [{"value_raw": 2}])
        assert 2 in iter(lambda: raw_values(listener, 1)[0], None)
        with pytest.raises(queue.Empty):  # but for one look that may have been under way
            _ = [listener.alerts.get(timeout=0.1) for _ in range(2)]


def test_a_set_is_logged(mesh, listener):
    """`log_on_set`: the reply and the alert carry the same value."""
    store = {**STORE, "get_on_set": True, "log_on_set": True}
    with serving(service(mesh, endpoints=[store])), client(mesh) as interface:
        assert interface.set("peaches", 3) == {"value_raw": 3, "value_cal": 6}
        assert listener.next() == ("sensor_value.peaches", {"value_raw": 3, "value_cal": 6})


def test_a_consumer_hears_what_it_is_bound_to(mesh):
    """`alert_keys`, with the groups of its expression."""

    class Sensors(AlertConsumer):
        def __init__(self, **kwargs):
            self.seen = queue.Queue()
            AlertConsumer.__init__(self, **kwargs)

        def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
            self.seen.put((a_payload.to_python(), a_routing_key_data, a_message_timestamp[-1:]))

    sensors = Sensors(
        name=mesh.name("sensors"),
        alert_keys=["sensor_value.#", "status.*"],
        alert_key_parser_re=r"\w+\.(?P<sensor>.+)",
        **mesh.login,
    )
    with serving(sensors), serving(service(mesh)) as sender, client(mesh) as interface:
        for key in ("other.x", "sensor_value.a", "sensor_value.a.b", "status.c", "status.c.d", "sensor_value.end"):
            sender.send(MsgAlert.create({"key": key}, key))
        seen = [sensors.seen.get(timeout=30) for _ in range(4)]
        assert seen == [
            ({"key": f"{kind}.{name}"}, {"sensor": name}, "Z")
            for kind, name in (
                ("sensor_value", "a"),
                ("sensor_value", "a.b"),
                ("status", "c"),
                ("sensor_value", "end"),
            )
        ]
        assert interface.cmd(sensors.name, "ping") is None, "it is a service like others"


def test_a_consumer_survives_its_own_errors(mesh, caplog):
    """What it raises is logged; the next alert comes."""

    class Fragile(Listener):
        def on_alert_message(self, an_alert):
            Listener.on_alert_message(self, an_alert)
            if an_alert.plain_payload != "good":
                raise {"key": KeyError("x"), "exit": SystemExit(3)}[an_alert.plain_payload]

    with serving(Fragile(name=mesh.name("fragile"), **mesh.login)) as fragile, serving(service(mesh)) as sender:
        for payload in ("key", "exit", "good"):
            sender.send(MsgAlert.create(payload, "x"))
        assert [fragile.next()[1] for _ in range(3)] == ["key", "exit", "good"]
    assert caplog.text.count("could not handle the alert for 'x'") == 2


def test_alerts_in_chunks_are_heard(mesh, listener):
    """A consumer puts long ones together, of both services at a time."""
    long = {**mesh.login, "dripline_mesh": {**mesh.settings, "max_payload_size": 100}}
    one, other = (Service(mesh.name(name), heartbeat_interval_s=0, **long) for name in ("one", "other"))
    with serving(one), serving(other):
        for sender in (one, other):
            sender.send(MsgAlert.create({"text": "é" * 500}, f"long.{sender.name}"))
        heard = dict(listener.next() for _ in range(2))
    assert heard == {f"long.{sender.name}": {"text": "é" * 500} for sender in (one, other)}


class Hasty(Service):
    """Sends an alert in its constructor."""

    def __init__(self, **kwargs: Any) -> None:
        Service.__init__(self, heartbeat_interval_s=0, **kwargs)
        self.sent = self.send(MsgAlert.create("early", "hasty"))


def test_an_alert_from_a_constructor_arrives(mesh, listener):
    """Before the service starts, or if it never does."""
    hasty = Hasty(name=mesh.name("hasty"), **mesh.login)
    assert hasty.sent.successful_send
    assert listener.next() == ("hasty", "early")
    with serving(hasty):
        hasty.send(MsgAlert.create("late", "hasty"))
        assert listener.next() == ("hasty", "late")
    never_started = Hasty(name=mesh.name("other"), **mesh.login)
    never_started.stop()
    assert listener.next() == ("hasty", "early")
    assert not never_started.send(MsgAlert.create("stopped", "hasty")).successful_send


def test_a_program_that_ends_without_stopping_its_service_has_sent_its_alerts(mesh, listener):
    """`send` only queues, but a script need not know that."""
    program = (
        "from dripline.core import MsgAlert, Service\n"
        f"service = Service({mesh.name('script')!r}, **{mesh.login!r})\n"
        "service.start()\n"
        "for number in range(100):\n"
        "    service.send(MsgAlert.create(number, 'script'))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert [listener.next() for _ in range(100)] == [("script", number) for number in range(100)]


def test_an_alert_that_no_broker_takes_is_an_error_of_its_caller(mesh, listener):
    """Also while there is no connection: it must not wait for one and then be in the way of others."""
    sender = service(mesh)
    with pytest.raises(DriplineError, match="longer than the 255 bytes"):
        sender.send(MsgAlert.create(1, "k" * 256))
    with serving(sender):
        with pytest.raises(DriplineError, match="longer than the 255 bytes"):
            sender.send(MsgAlert.create(1, "k" * 256))
        sender.send(MsgAlert.create(2, "next"))
        assert listener.next() == ("next", 2)
