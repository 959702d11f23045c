"""The watchdog of a mesh: who was heard, and who was not."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any, ClassVar

import scarab
from dripline.core.access import Reach
from dripline.core.alert_consumer import AlertConsumer
from dripline.core.argument_checks import Checks, check_arguments
from dripline.core.endpoint import Endpoint
from dripline.core.login import mesh_settings
from dripline.core.settings import Setting, positive_seconds, seconds, switch
from dripline.core.status_message import status_message
from dripline.implementations.heartbeat_tracker import Change, HeartbeatStatus, HeartbeatTracker
from dripline.runtime.complaints import complaints_of
from dripline.wire.errors import ConfigurationError, DriplineError

__all__ = ["HeartbeatMonitor", "HeartbeatTracker"]

logger = logging.getLogger(__name__)

_SPANS = ("time_between_checks_s", "warning_threshold_s", "critical_threshold_s")

#: Status by name, then an entry for each service that has it.
Report = dict[str, list[dict[str, Any]]]

#: Most services that are tracked because a heartbeat was heard.
MOST_TRACKERS = 1000

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


class HeartbeatMonitor(AlertConsumer):
    """Listens to heartbeats and tells when a service falls silent and when it is back.

    Each service has a `HeartbeatTracker`, of the configuration or made when it is first heard; `get` of the
    monitor gives the report of all. A status that changes becomes an alert `status_message.<service>.<severity>`
    with the severity notice, warning or critical.

    Args:
        time_between_checks_s: how often to look, in seconds.
        warning_threshold_s: a silence of so many seconds is worth a warning.
        critical_threshold_s: a silence of so many seconds is critical.
        add_unknown_heartbeats: whether services are tracked that the configuration does not name.
        endpoint_name_prefix: first part of the names of trackers made for them.
        alert_keys: binding keys of heartbeats; those of the mesh when not given.
        alert_key_parser_re: regular expression whose group ``service_name`` is the service, for heartbeats
            that do not name it themselves.
        **kwargs: for `AlertConsumer`.
    """

    warning_threshold_s = Setting(positive_seconds, "A silence of so many seconds is worth a warning.")
    critical_threshold_s = Setting(positive_seconds, "A silence of so many seconds is critical.")
    add_unknown_heartbeats = Setting(switch, "Whether services are tracked that the configuration does not name.")

    _dripline_reach: ClassVar[Reach] = {
        "get": {"time_between_checks_s", "endpoint_name_prefix"},
        "set": {"warning_threshold_s", "critical_threshold_s", "add_unknown_heartbeats"},
        "cmd": {"run_checks"},
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
        self.add_unknown_heartbeats = add_unknown_heartbeats
        self.endpoint_name_prefix = endpoint_name_prefix
        self.__trackers: dict[str, HeartbeatTracker] = {}
        self.__one_at_a_time = threading.Lock()
        self.__listening_since_s = time.monotonic()
        AlertConsumer.__init__(
            self,
            alert_keys=alert_keys or [f"{mesh_settings(kwargs.get('dripline_mesh')).heartbeat_routing_key}.#"],
            alert_key_parser_re=alert_key_parser_re,
            **{"enable_scheduling": True, **kwargs},
        )
        self.schedule(
            self.run_checks,
            timedelta(seconds=self.time_between_checks_s),
            datetime.now() + timedelta(seconds=self.time_between_checks_s),
        )

    def add_child(self, an_endpoint: Endpoint) -> bool:
        """Add an endpoint; a tracker is asked for its service from now on."""
        added = AlertConsumer.add_child(self, an_endpoint)
        if isinstance(an_endpoint, HeartbeatTracker):
            self.__trackers[an_endpoint.service_name] = an_endpoint
        return added

    def bind_keys(self) -> bool:
        """Bind, now and after each loss of the broker; what was not heard meanwhile is nobody's fault."""
        self.__listening_since_s = time.monotonic()
        return AlertConsumer.bind_keys(self)

    # -- heartbeats ------------------------------------------------------------------------------------------

    def process_payload(
        self, a_payload: scarab.Param, a_routing_key_data: dict[str, str | None], a_message_timestamp: str
    ) -> None:
        """Note a heartbeat; a service that was silent is told to be back at once."""
        payload = a_payload.to_python()
        name = payload.get("name") if isinstance(payload, dict) else None
        name = name if isinstance(name, str) and name else a_routing_key_data.get("service_name")
        if not name or name == self.name:
            return
        with self.__one_at_a_time:
            tracker = self.__trackers.get(name) or self.__new_tracker(name)
            if tracker is None:
                return
            tracker._dripline_heard(a_message_timestamp)
            change = self.__checked(tracker)
        self.__tell(tracker, change)

    def __new_tracker(self, service_name: str) -> HeartbeatTracker | None:
        if not self.add_unknown_heartbeats:
            logger.debug("%s: a heartbeat of %r, which is not tracked", self.name, service_name)
            return None
        if len(self.__trackers) >= MOST_TRACKERS:  # names come from the mesh, and may be made up
            complaints_of(self, logger).tell(
                "too many names",
                "%s: tracks %d services; no more are added before it is started again", self.name, MOST_TRACKERS,
            )  # fmt: skip
            return None
        name = f"{self.endpoint_name_prefix}{service_name}"
        if not _can_be_a_name(service_name) or len(name.encode()) > _LONGEST_NAME:
            complaints_of(self, logger).tell(
                "odd names", "%s: a heartbeat of %.60r, which is no name of a service", self.name, service_name
            )
            return None
        if name in self.sync_children or name in self.async_children:
            complaints_of(self, logger).tell(
                "taken names", "%s: cannot track %s: there is another endpoint %s", self.name, service_name, name
            )
            return None
        tracker = HeartbeatTracker(service_name, name=name)
        self.add_child(tracker)
        logger.info("%s: tracks %s from now on", self.name, service_name)
        return tracker

    # -- checks ----------------------------------------------------------------------------------------------

    def on_get(self) -> Report:
        """Return the report: services by status."""
        return self.run_checks()

    def run_checks(self) -> Report:
        """Check every tracker, tell what changed, and process the report.

        Returns:
            ``{"OK": [{"service_name": …, "seconds_since_heartbeat": …}], "WARNING": [], …}``
        """
        if not self._dripline_is_connected():
            self.__listening_since_s = time.monotonic()
        with self.__one_at_a_time:
            changes = [(tracker, self.__checked(tracker)) for tracker in self.__trackers.values()]
            report: Report = {status.value: [] for status in HeartbeatStatus}
            for tracker, change in changes:
                report[change.now.value].append(tracker.on_get())
        for tracker, change in changes:
            self.__tell(tracker, change)
        self.process_report(report)
        return report

    def process_report(self, report: Report) -> None:
        """Do something with the result of a check; overridden by laboratories.

        Args:
            report: as `run_checks` returns it.
        """
        counts = ", ".join(f"{len(entries)} {status}" for status, entries in report.items() if entries)
        logger.debug("%s: %s", self.name, counts or "nobody was heard yet")

    def __checked(self, tracker: HeartbeatTracker) -> Change:
        return tracker._dripline_check(
            self.warning_threshold_s, self.critical_threshold_s, self.__listening_since_s
        )

    def __tell(self, tracker: HeartbeatTracker, change: Change) -> None:
        if change.before == change.now or change.now is HeartbeatStatus.UNKNOWN:
            return
        is_well, was_missed = change.now is HeartbeatStatus.OK, tracker._dripline_is_missed
        tracker._dripline_is_missed = not is_well
        if is_well and not was_missed:  # heard for the first time, or watched again
            return
        name = tracker.service_name
        message = (
            f"{name} is back" if is_well else f"{name} was not heard for {tracker._dripline_silence_s():.0f} s"
        )
        logger.log(logging.INFO if is_well else logging.WARNING, "%s: %s", self.name, message)
        try:
            self.send(status_message(name, _SEVERITY[change.now], message))
        except DriplineError as error:  # the others' changes are told all the same
            logger.warning("%s: cannot tell that: %s", self.name, error)


def _can_be_a_name(text: str) -> bool:
    """Whether a name from the mesh can be a word of routing keys that binds nothing else."""
    return (
        text.isprintable()
        and text == text.strip()
        and not set(text) & set("*#")
        and len(text.encode()) <= _LONGEST_NAME
    )
