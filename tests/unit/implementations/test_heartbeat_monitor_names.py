"""What a monitor makes of names and settings that come from the mesh, without any mesh."""

from __future__ import annotations

from typing import Any

import pytest

import scarab
from dripline.core import MsgRequest, op_t
from dripline.errors import DriplineError
from dripline.implementations import HeartbeatMonitor, HeartbeatTracker

TIME = "2026-01-01T00:00:00.000000Z"


class Monitor(HeartbeatMonitor):
    """Keeps what it tells; what is about `unsendable` cannot be sent."""

    def __init__(self, **kwargs: Any) -> None:
        self.told: list[str] = []
        HeartbeatMonitor.__init__(self, name="monitor", make_connection=False, **kwargs)

    def send(self, a_message: Any) -> Any:
        """Keep its key."""
        if ".unsendable." in a_message.routing_key:
            raise DriplineError("too long")
        self.told.append(a_message.routing_key)

    def _dripline_is_connected(self) -> bool:
        return True


@pytest.fixture
def monitor() -> Monitor:
    """A monitor that any silence is critical for."""
    return Monitor(warning_threshold_s=50, critical_threshold_s=50)


def hear(monitor: HeartbeatMonitor, name: Any) -> None:
    """A heartbeat of a service."""
    monitor.process_payload(scarab.to_param({"name": name}), {}, TIME)


def silence(monitor: Monitor, seconds: float = 100) -> None:
    """Let time pass in which nobody was heard."""
    for tracker in monitor.sync_children.values():
        tracker._dripline_heard_s -= seconds
    monitor._dripline_listening_since_s -= seconds


@pytest.mark.parametrize("name", ["x" * 231, "é" * 116, " a", "#", "a.*", "line\nbreak", "nul\0", " "])
def test_a_name_that_no_service_can_have_is_not_tracked(monitor, name, caplog):
    """It could not be bound, nor told of; or it would bind what is others'."""
    hear(monitor, name)
    hear(monitor, "furnace")
    assert list(monitor.sync_children) == ["hbmon_furnace"]
    assert "which is no name of a service" in caplog.text


@pytest.mark.parametrize("name", ["x" * 224, "é", "furnace.left", "a-b_c:d", "left furnace"])
def test_a_name_that_a_service_can_have_is_tracked(monitor, name):
    """As long as it fits into a routing key."""
    hear(monitor, name)
    assert list(monitor.sync_children) == [f"hbmon_{name}"]


def test_what_cannot_be_told_of_one_hides_no_other(monitor, caplog):
    """The others' changes are told all the same."""
    for name in ("unsendable", "furnace"):
        hear(monitor, name)
    silence(monitor)
    report = monitor.run_checks()
    assert len(report["CRITICAL"]) == 2
    assert monitor.told == ["status_message.furnace.critical"]
    assert "cannot tell that: too long" in caplog.text


def test_an_endpoint_of_the_trackers_name_stays_what_it_is(caplog):
    """It is said once that the service cannot be tracked."""
    other = {"name": "hbmon_furnace", "module": "HeartbeatTracker", "service_name": "kiln"}
    monitor = Monitor(endpoints=[other])
    hear(monitor, "furnace")
    hear(monitor, "furnace")
    assert [entry["service_name"] for entry in monitor.run_checks()["UNKNOWN"]] == ["kiln"]
    assert caplog.text.count("cannot track furnace: there is another endpoint hbmon_furnace") == 1


def test_the_return_of_one_that_was_down_on_purpose_meanwhile_is_told(monitor):
    """Whoever heard that it is critical hears that it is well; of others nothing is told."""
    for name in ("furnace", "kiln"):
        hear(monitor, name)
    furnace, kiln = monitor.sync_children.values()
    kiln.is_active = False
    silence(monitor)
    monitor.run_checks()
    furnace.is_active = False
    monitor.run_checks()
    for name in ("furnace", "kiln"):
        hear(monitor, name)
    furnace.is_active = kiln.is_active = True
    monitor.run_checks()
    assert monitor.told == ["status_message.furnace.critical", "status_message.furnace.notice"]


def test_heartbeats_are_listened_to_where_the_mesh_has_them():
    """Unless the configuration says otherwise."""
    assert Monitor(dripline_mesh={"heartbeat_routing_key": "pulse"})._alert_keys == ["pulse.#"]
    assert Monitor()._alert_keys == ["heartbeat.#"]
    assert Monitor(alert_keys=["mine.#"])._alert_keys == ["mine.#"]


@pytest.mark.parametrize(
    ("endpoint", "specifier", "value", "code"),
    [
        ("monitor", "warning_threshold_s", "soon", 304),
        ("monitor", "critical_threshold_s", [], 304),
        ("monitor", "warning_threshold_s", 30, 0),
        ("monitor", "time_between_checks_s", 1, 310),
        ("hbmon_furnace", "is_active", "perhaps", 304),
        ("hbmon_furnace", "status", "OK", 310),
        ("hbmon_furnace", "service_name", "kiln", 310),
    ],
)
def test_no_message_makes_a_monitor_blind(monitor, endpoint, specifier, value, code):
    """What it sets is checked, and what a check finds cannot be set."""
    hear(monitor, "furnace")
    served = monitor.sync_children.get(endpoint, monitor)
    reply = served.on_request_message(MsgRequest.create({"values": [value]}, op_t.set, endpoint, specifier))
    assert reply.return_code == code, reply.return_message
    assert monitor.run_checks()["OK"][0]["service_name"] == "furnace"


def test_a_thousand_services_are_tracked(monitor):
    """Each is in the report."""
    for number in range(1000):
        hear(monitor, f"service{number}")
    assert len(monitor.run_checks()["OK"]) == 1000
    assert isinstance(monitor.sync_children["hbmon_service7"], HeartbeatTracker)
