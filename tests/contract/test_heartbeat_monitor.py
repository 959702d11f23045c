"""The watchdog of a mesh, on both brokers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from support.waiting import eventually

import scarab
from dripline.core import AlertConsumer, Service
from dripline.errors import ConfigurationError
from dripline.implementations import HeartbeatMonitor, HeartbeatTracker

from .meshes import Mesh, client, fresh_mesh, serving

# Long enough for a machine that is busy.
THRESHOLDS = {"time_between_checks_s": 0.05, "warning_threshold_s": 3, "critical_threshold_s": 6}


class Relay(AlertConsumer):
    """Keeps the messages for people."""

    def __init__(self, **kwargs):
        self.told = []
        AlertConsumer.__init__(self, alert_keys=["status_message.#"], heartbeat_interval_s=0, **kwargs)

    def on_alert_message(self, an_alert):
        """Keep one."""
        self.told.append((an_alert.routing_key, an_alert.plain_payload))


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def monitor(mesh):
    """A monitor with short thresholds, running."""
    made = HeartbeatMonitor(name=mesh.name("monitor"), heartbeat_interval_s=0.2, **THRESHOLDS, **mesh.login)
    with serving(made) as monitor:
        yield monitor


def furnace(mesh) -> Service:
    """A service with a quick heartbeat."""
    return Service(mesh.name("furnace"), heartbeat_interval_s=0.1, **mesh.login)


def names(report, status):
    """The services that have a status."""
    return [entry["service_name"] for entry in report[status]]


def test_a_service_that_is_heard_is_tracked_and_can_be_asked_at_once(mesh, monitor):
    """A tracker that is made while the monitor runs is bound at once."""
    with serving(furnace(mesh)) as service, client(mesh) as dl:
        assert eventually(lambda: names(dl.get(monitor.name), "OK") == [service.name])
        tracked = dl.get(f"hbmon_{service.name}")
        assert (tracked["service_name"], tracked["status"]) == (service.name, "OK")
        assert tracked["seconds_since_heartbeat"] < 3


def test_silence_is_told_step_by_step_and_so_is_the_return(mesh, monitor):
    """A warning, something critical, and a notice: each once."""
    with serving(Relay(name=mesh.name("relay"), **mesh.login)) as relay:
        with serving(furnace(mesh)) as service:
            assert eventually(lambda: names(monitor.run_checks(), "OK") == [service.name])
        assert eventually(lambda: len(relay.told) == 2)
        with serving(furnace(mesh)):
            assert eventually(lambda: len(relay.told) == 3)
            assert eventually(lambda: names(monitor.run_checks(), "OK") == [service.name])
    key = f"status_message.{service.name}"
    assert [where for where, _ in relay.told] == [f"{key}.warning", f"{key}.critical", f"{key}.notice"]
    assert relay.told[2][1] == f"{service.name} is back"


def test_a_killed_service_is_noticed_and_so_is_its_return(mesh, monitor, tmp_path):
    """SIGKILL leaves no goodbye; only the silence tells."""
    name = mesh.name("kiln")
    command = [sys.executable, "-m", "dripline.cli.dl_serve", f"name={name}", "heartbeat_interval_s=0.1"]
    command += [f"dripline_mesh.{key}={value}" for key, value in mesh.settings.items()]
    environment = {**os.environ, "HOME": str(tmp_path)}

    def start():
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    process = start()
    try:
        assert eventually(lambda: names(monitor.run_checks(), "OK") == [name], 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert eventually(lambda: names(monitor.run_checks(), "CRITICAL") == [name])
        process = start()
        assert eventually(lambda: names(monitor.run_checks(), "OK") == [name], 60)
    finally:
        process.kill()
        process.wait()


def test_only_configured_services_are_tracked_when_asked_so(mesh):
    """Without `add_unknown_heartbeats` others are no news."""
    known = {"name": "watch", "module": "HeartbeatTracker", "service_name": mesh.name("furnace")}
    made = HeartbeatMonitor(
        name=mesh.name("monitor"), add_unknown_heartbeats=False, endpoints=[known], **THRESHOLDS, **mesh.login
    )
    with serving(made) as monitor, serving(furnace(mesh)) as service:
        stranger = Service(mesh.name("stranger"), heartbeat_interval_s=0.1, **mesh.login)
        with serving(stranger), client(mesh) as dl:
            assert eventually(lambda: dl.get("watch")["status"] == "OK")
            assert list(monitor.sync_children) == ["watch"]
            assert names(dl.get(monitor.name), "OK") == [service.name]
            dl.set("watch", False, specifier="is_active")
            assert names(dl.get(monitor.name), "UNKNOWN") == [service.name]


def test_a_laboratory_does_what_it_likes_with_the_report(mesh):
    """`process_report` is there to be overridden."""
    reports = []

    class Page(HeartbeatMonitor):
        def process_report(self, report):
            reports.append(report)

    with serving(Page(name=mesh.name("monitor"), **THRESHOLDS, **mesh.login)):
        assert eventually(lambda: bool(reports))
    assert set(reports[0]) == {"OK", "WARNING", "CRITICAL", "UNKNOWN"}
    assert HeartbeatTracker.Status("OK").name == "OK"


def test_an_overridden_check_reaches_the_report(mesh):
    """The scheduled checks pass the result of a laboratory's `run_checks` to its `process_report`, once each."""
    processed = []

    class Watchdog(HeartbeatMonitor):
        def run_checks(self):
            report = HeartbeatMonitor.run_checks(self)
            report["round"] = len(processed)
            return report

        def process_report(self, report_data):
            processed.append(report_data)

    with serving(Watchdog(name=mesh.name("monitor"), **THRESHOLDS, **mesh.login)) as monitor, client(mesh) as dl:
        assert eventually(lambda: len(processed) > 2)
        assert dl.get(monitor.name)["OK"] == []
    assert [report["round"] for report in processed] == list(range(len(processed)))


def test_a_report_reads_as_in_dripline_python(mesh, monitor):
    """Statuses are keys, and entries have the names that its packages use."""
    with serving(furnace(mesh)) as service:
        assert eventually(lambda: names(monitor.run_checks(), HeartbeatTracker.Status.OK) == [service.name])
        entry = monitor.run_checks()[HeartbeatTracker.Status.OK][0]
        assert entry["name"] == monitor.monitoring_names[service.name] == f"hbmon_{service.name}"
        assert entry["time_since_last_hb"] < 3


def test_a_laboratorys_own_tracker_judges(mesh):
    """`process_heartbeat` and `check_delay` are there to be overridden."""
    heard = []

    class Strict(HeartbeatTracker):
        def process_heartbeat(self, timestamp):
            heard.append(timestamp)

        def check_delay(self):
            status = self.Status.CRITICAL if heard else self.Status.OK
            return {"status": status, "time_since_last_hb": 7.0}

    monitor = HeartbeatMonitor(name=mesh.name("monitor"), **THRESHOLDS, **mesh.login)
    monitor.add_child(Strict(mesh.name("furnace"), name="strict"))
    with serving(Relay(name=mesh.name("relay"), **mesh.login)) as relay, serving(monitor):
        with serving(furnace(mesh)) as service:
            assert eventually(lambda: names(monitor.run_checks(), "CRITICAL") == [service.name])
            assert eventually(lambda: bool(relay.told))
        assert relay.told[0] == (
            f"status_message.{service.name}.critical",
            f"{service.name} was not heard for 7 s",
        )


@pytest.mark.parametrize("add", ["add_child", "add_async_child"])
def test_no_tracker_ages_while_its_service_is_heard(mesh, add):
    """Two trackers of one service, and one of the monitor itself, with the monitor's queue or their own."""
    name = mesh.name("monitor")
    monitor = HeartbeatMonitor(name=name, heartbeat_interval_s=0.1, **THRESHOLDS, **mesh.login)
    for label, service in (("itself", name), ("one", mesh.name("furnace")), ("two", mesh.name("furnace"))):
        getattr(monitor, add)(HeartbeatTracker(service, name=mesh.name(label)))
    with serving(monitor), serving(furnace(mesh)):
        assert eventually(lambda: len(monitor.run_checks()["OK"]) == 3)


def test_a_watchdog_with_its_own_loop(mesh):
    """A `run` that starts `monitor_heartbeats` in a thread, as packages for dripline-python do, checks once."""
    processed = []

    class Watchdog(HeartbeatMonitor):
        def run(self):
            loop = threading.Thread(target=self.monitor_heartbeats)
            loop.start()
            HeartbeatMonitor.run(self)
            loop.join()

        def process_report(self, report_data):
            processed.append(threading.current_thread())

    monitor = Watchdog(name=mesh.name("monitor"), **THRESHOLDS, **mesh.login)
    running = threading.Thread(target=monitor.run)
    running.start()
    assert eventually(lambda: len(processed) > 2)
    monitor.cancel(0)
    running.join(30)
    assert not running.is_alive()
    assert len(set(processed)) == 1


def test_thresholds_in_the_wrong_order_are_refused():
    """In one line that names both."""
    with pytest.raises(ConfigurationError, match=r"warning_threshold_s \(300\) .* critical_threshold_s \(120\)"):
        HeartbeatMonitor(warning_threshold_s=300, critical_threshold_s=120, name="m", make_connection=False)


def test_made_up_names_do_not_fill_the_monitor(mesh, monkeypatch, caplog):
    """Heartbeats of names without end: so many are tracked, and it is said once that no more are."""
    monkeypatch.setattr("dripline.implementations.heartbeat_monitor.MOST_TRACKERS", 5)
    monkeypatch.setattr("dripline.runtime.rate_limited_log.EVERY_S", 60.0)
    monitor = HeartbeatMonitor(name=mesh.name("monitor"), make_connection=False, **THRESHOLDS)
    for number in range(50):
        monitor.process_payload(scarab.to_param({"name": f"made-up-{number}"}), {}, "2026-01-01T00:00:00.000000Z")
    assert len(monitor.sync_children) == 5
    assert sum("no more are added" in text for text in caplog.messages) == 1
