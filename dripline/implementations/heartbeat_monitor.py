"""`HeartbeatMonitor`: reports services whose heartbeats stop or return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import scarab
from dripline.core._access import Reach
from dripline.core._credentials import mesh_settings
from dripline.core._limits import status_message
from dripline.core.alert_consumer import AlertConsumer
from dripline.core.argument_checks import Checks, check_arguments
from dripline.core.endpoint import Endpoint
from dripline.core.settings import Setting, positive_seconds, seconds, switch
from dripline.errors import ConfigurationError, DriplineError
from dripline.implementations.heartbeat_tracker import HeartbeatStatus, HeartbeatTracker
from dripline.runtime.rate_limited_log import Boundary, limited_log_of

__all__ = ["HeartbeatMonitor", "HeartbeatTracker"]

logger = logging.getLogger("dripline.service")

_SPANS = ("time_between_checks_s", "warning_threshold_s", "critical_threshold_s")

#: For each status an entry for each tracker that has it. A status can be looked up by its name as well.
Report = dict[HeartbeatStatus, list[dict[str, Any]]]

#: Most services that are tracked because a heartbeat was heard.
MOST_TRACKERS = 1000

# A cancelled monitor ends after at most about so long.
_LONGEST_SLEEP_S = 5

# AMQP's limit is 255 bytes; `status_message.` and a severity come around a name.
_LONGEST_NAME = 230

_SEVERITY = {
    HeartbeatStatus.OK: "notice",
    HeartbeatStatus.WARNING: "warning",
    HeartbeatStatus.CRITICAL: "critical",
}


def _in_order(warning_threshold_s: Any, critical_threshold_s: Any) -> None:
    if not 0 < seconds(warning_threshold_s) <= seconds(critical_threshold_s):
        raise ValueError(
            f"({warning_threshold_s}) must be above 0 and at most critical_threshold_s ({critical_threshold_s})"
        )


@dataclass
class _Watched:
    """A tracker, and what was last reported about it."""

    tracker: Any  # a lab's own may be another endpoint with the same methods
    status: HeartbeatStatus = HeartbeatStatus.UNKNOWN
    is_missed: bool = False
    silence_s: float = 0.0


class HeartbeatMonitor(AlertConsumer):
    """Listens to heartbeats and reports services that fall silent or return.

    Each service has a `HeartbeatTracker`, either configured or created for the first heartbeat; `get` of the
    monitor returns the status of all of them. Every change of a status is sent as an alert
    ``status_message.<service>.<severity>`` with the severity notice, warning or critical.

    Args:
        time_between_checks_s: Seconds between two checks.
        warning_threshold_s: Seconds of silence that are reported as a warning.
        critical_threshold_s: Seconds of silence that are reported as critical.
        add_unknown_heartbeats: Whether to track services that are not configured.
        endpoint_name_prefix: First part of the names of trackers created for them.
        alert_keys: Binding keys of heartbeats; default: those of the mesh.
        alert_key_parser_re: Regular expression whose group ``service_name`` is the service, for heartbeats
            without a name in their payload.
        **kwargs: For `AlertConsumer`.

    Attributes:
        monitoring_names: Names of the trackers' endpoints by the name of the service.
        n_sleeps: Number of waits between two checks; each is `sleep_time_s` long.
        sleep_time_s: Seconds of one wait.
    """

    warning_threshold_s = Setting(positive_seconds, "Seconds of silence that are reported as a warning.")
    critical_threshold_s = Setting(positive_seconds, "Seconds of silence that are reported as critical.")
    add_unknown_heartbeats = Setting(switch, "Whether to track services that are not configured.")

    _dripline_reach: ClassVar[Reach] = {
        "get": {"time_between_checks_s", "endpoint_name_prefix", "monitoring_names"},
        "set": {"warning_threshold_s", "critical_threshold_s", "add_unknown_heartbeats"},
        "cmd": {"run_checks"},
        "own": {"n_sleeps", "sleep_time_s"},
    }
    _dripline_checks: ClassVar[Checks] = {
        **dict.fromkeys(_SPANS, positive_seconds),
        ("warning_threshold_s", "critical_threshold_s"): _in_order,
    }

    def __init__(
        self,
        time_between_checks_s: float = 20,
        warning_threshold_s: float = 120,
        critical_threshold_s: float = 300,
        add_unknown_heartbeats: bool = True,
        endpoint_name_prefix: str = "hbmon_",
        alert_keys: list[str] | str | None = None,
        alert_key_parser_re: str = r"[^.]+\.(?P<service_name>.+)",
        **kwargs: Any,
    ) -> None:
        spans = (time_between_checks_s, warning_threshold_s, critical_threshold_s)
        check_arguments(
            kwargs.get("name"), HeartbeatMonitor._dripline_checks, **dict(zip(_SPANS, spans, strict=True))
        )
        self.warning_threshold_s = warning_threshold_s
        self.critical_threshold_s = critical_threshold_s
        if not self.warning_threshold_s <= self.critical_threshold_s:
            raise ConfigurationError(
                f"warning_threshold_s ({warning_threshold_s}) must be above 0 and at most "
                f"critical_threshold_s ({critical_threshold_s})"
            )
        self.time_between_checks_s = seconds(time_between_checks_s)
        self.n_sleeps = max(1, round(self.time_between_checks_s / _LONGEST_SLEEP_S))
        self.sleep_time_s = self.time_between_checks_s / self.n_sleeps
        self.add_unknown_heartbeats = add_unknown_heartbeats
        self.endpoint_name_prefix = endpoint_name_prefix
        self.monitoring_names: dict[str, str] = {}
        self.__watched: dict[str, _Watched] = {}
        self.__watched_lock = threading.RLock()
        self.__checking = threading.Lock()
        self.__stopped = threading.Event()
        self._dripline_listening_since_s = time.monotonic()
        AlertConsumer.__init__(
            self,
            alert_keys=alert_keys or [f"{mesh_settings(kwargs.get('dripline_mesh')).heartbeat_routing_key}.#"],
            alert_key_parser_re=alert_key_parser_re,
            **{"enable_scheduling": True, **kwargs},
        )

    def add_child(self, an_endpoint: Endpoint) -> bool:
        """Add an endpoint; if it is a tracker, it is checked from now on."""
        added = AlertConsumer.add_child(self, an_endpoint)
        self.__track(an_endpoint)
        return added

    def add_async_child(self, an_endpoint: Endpoint) -> bool:
        """Add an endpoint with its own queue; if it is a tracker, it is checked from now on."""
        added = AlertConsumer.add_async_child(self, an_endpoint)
        self.__track(an_endpoint)
        return added

    def __track(self, an_endpoint: Endpoint) -> None:
        if callable(getattr(an_endpoint, "check_delay", None)):
            with self.__watched_lock:
                self.__watched[an_endpoint.name] = _Watched(an_endpoint)
                service_name = getattr(an_endpoint, "service_name", an_endpoint.name)
                self.monitoring_names.setdefault(service_name, an_endpoint.name)

    def bind_keys(self) -> bool:
        """Bind the keys, at the start and after each reconnection. Time without a connection is not silence."""
        self._dripline_listening_since_s = time.monotonic()
        return AlertConsumer.bind_keys(self)

    def start(self) -> None:
        """Start the service, and `monitor_heartbeats` in a thread. Errors as for `run`."""
        AlertConsumer.start(self)
        self.__stopped.clear()
        threading.Thread(target=self.monitor_heartbeats, name="dripline-hbmon", daemon=True).start()

    def stop(self) -> None:
        """Stop the checks and the service."""
        self.__stopped.set()
        AlertConsumer.stop(self)

    # -- heartbeats ------------------------------------------------------------------------------------------

    def process_payload(
        self, a_payload: scarab.Param, a_routing_key_data: dict[str, str | None], a_message_timestamp: str
    ) -> None:
        """Pass a heartbeat to its tracker; the return of a service is reported at once."""
        payload = a_payload.to_python()
        name = payload.get("name") if isinstance(payload, dict) else None
        name = name if isinstance(name, str) and name else a_routing_key_data.get("service_name")
        if not name:
            return
        with self.__watched_lock:
            if name not in self.monitoring_names and not self.__add_tracker(name):
                return
            watched = self.__trackers_of(name)
            for each in watched:
                with Boundary(limited_log_of(self, logger), "%s: a heartbeat of %s", self.name, each.tracker.name):
                    each.tracker.process_heartbeat(a_message_timestamp)
            changes = [(each, self.__check(each)) for each in watched]
        self.__report_changes(changes)

    def __trackers_of(self, service_name: str) -> list[_Watched]:
        return [
            each
            for name, each in self.__watched.items()
            if getattr(each.tracker, "service_name", name) == service_name
        ]

    def __add_tracker(self, service_name: str) -> bool:
        if service_name == self.name:  # a monitor that runs need not watch itself, unless configured
            return False
        if not self.add_unknown_heartbeats:
            logger.debug("%s: a heartbeat of %r, which is not tracked", self.name, service_name)
            return False
        if len(self.__watched) >= MOST_TRACKERS:  # names come from the mesh, and may be made up
            limited_log_of(self, logger).tell(
                "too many names",
                "%s: tracks %d services; no more are added before it is started again", self.name, MOST_TRACKERS,
            )  # fmt: skip
            return False
        name = f"{self.endpoint_name_prefix}{service_name}"
        if not _can_be_a_name(service_name) or len(name.encode()) > _LONGEST_NAME:
            limited_log_of(self, logger).tell(
                "odd names", "%s: a heartbeat of %.60r, which is no name of a service", self.name, service_name
            )
            return False
        if name in self.sync_children or name in self.async_children:
            limited_log_of(self, logger).tell(
                "taken names", "%s: cannot track %s: there is another endpoint %s", self.name, service_name, name
            )
            return False
        self.add_child(HeartbeatTracker(service_name, name=name))
        logger.info("%s: tracks %s from now on", self.name, service_name)
        return True

    # -- checks ----------------------------------------------------------------------------------------------

    def on_get(self) -> Any:
        """Return the report, with the names of the statuses as keys."""
        report = self.do_get()
        if not isinstance(report, Mapping):  # an override returns what it likes
            return report
        return {key.value if isinstance(key, HeartbeatStatus) else key: value for key, value in report.items()}

    def do_get(self) -> Any:
        """Return the result of `run_checks`."""
        return self.run_checks()

    def monitor_heartbeats(self) -> None:
        """Pass the result of `run_checks` to `process_report` at intervals, until the service is stopped."""
        if not self.__checking.acquire(blocking=False):  # a lab's `run` has started it in a thread of its own
            return
        try:
            while not self.__has_ended():
                with Boundary(limited_log_of(self, logger), "%s: the check of heartbeats failed", self.name):
                    self.process_report(self.run_checks())
                for _ in range(self.n_sleeps):
                    if self.__has_ended() or self.__stopped.wait(self.sleep_time_s):
                        return
        finally:
            self.__checking.release()

    def __has_ended(self) -> bool:
        return self.is_canceled() or self.__stopped.is_set()

    def run_checks(self) -> Report:
        """Check every tracker and report what changed. An override is used by the scheduled checks as well.

        Returns:
            ``{Status.OK: [{"name": …, "service_name": …, "time_since_last_hb": …}], Status.WARNING: [], …}``
        """
        if not self._dripline_is_connected():
            self._dripline_listening_since_s = time.monotonic()
        report: Report = {status: [] for status in HeartbeatStatus}
        with self.__watched_lock:
            changes = [(watched, self.__check(watched)) for watched in self.__watched.values()]
            for watched, _ in changes:
                report[watched.status].append(self.__entry(watched))
        self.__report_changes(changes)
        return report

    def process_report(self, report_data: Report) -> None:
        """Process the result of a scheduled check; subclasses override this.

        Args:
            report_data: What `run_checks` returned.
        """
        counts = [f"{len(report_data[status])} {status.name}" for status in HeartbeatStatus if report_data[status]]
        logger.debug("%s: %s", self.name, ", ".join(counts) or "no service was heard yet")

    def __check(self, watched: _Watched) -> HeartbeatStatus:
        """Check a tracker.

        Returns:
            The status before.
        """
        before, tracker = watched.status, watched.tracker
        with Boundary(limited_log_of(self, logger), "%s: %s cannot be checked", self.name, tracker.name):
            found = tracker.check_delay()
            watched.status = HeartbeatStatus(found["status"])
            watched.silence_s = float(found["time_since_last_hb"])
        return before

    def __entry(self, watched: _Watched) -> dict[str, Any]:
        tracker, known = watched.tracker, None
        if isinstance(tracker, HeartbeatTracker):
            with Boundary(limited_log_of(self, logger), "%s: %s cannot be read", self.name, tracker.name):
                known = tracker.on_get()
        return {
            **(known if isinstance(known, Mapping) else {}),
            "name": tracker.name,
            "time_since_last_hb": round(watched.silence_s, 3),
        }

    def __report_changes(self, changes: list[tuple[_Watched, HeartbeatStatus]]) -> None:
        for watched, before in changes:
            self.__report_change(watched, before)

    def __report_change(self, watched: _Watched, before: HeartbeatStatus) -> None:
        now = watched.status
        if before == now or now is HeartbeatStatus.UNKNOWN:
            return
        is_well, was_missed = now is HeartbeatStatus.OK, watched.is_missed
        watched.is_missed = not is_well
        if is_well and not was_missed:  # its first heartbeat, or `is_active` again
            return
        name = getattr(watched.tracker, "service_name", watched.tracker.name)
        message = f"{name} is back" if is_well else f"{name} was not heard for {watched.silence_s:.0f} s"
        logger.log(logging.INFO if is_well else logging.WARNING, "%s: %s", self.name, message)
        try:
            self.send(status_message(name, _SEVERITY[now], message))
        except DriplineError as error:  # the changes of other services are reported all the same
            logger.warning("%s: cannot tell that: %s", self.name, error)


def _can_be_a_name(text: str) -> bool:
    """Whether a name from the mesh can be a word of routing keys that binds nothing else."""
    return (
        text.isprintable()
        and text == text.strip()
        and not set(text) & set("*#")
        and len(text.encode()) <= _LONGEST_NAME
    )
