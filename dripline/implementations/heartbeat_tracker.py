"""State of one service, derived from its heartbeats."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from enum import Enum
from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.core.endpoint import Endpoint
from dripline.core.settings import Setting, switch
from dripline.implementations.storage.columns import read_time


class HeartbeatStatus(str, Enum):
    """The state of a service. ``Status(0)`` and the other numbers of dripline-python work as well."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> HeartbeatStatus | None:
        numbers: dict[object, HeartbeatStatus] = {0: cls.OK, 1: cls.WARNING, 2: cls.CRITICAL, -1: cls.UNKNOWN}
        return numbers.get(value)


class HeartbeatTracker(Endpoint):
    """An endpoint that tracks the heartbeats of one service.

    A `HeartbeatMonitor` calls `process_heartbeat` for every heartbeat and `check_delay` for every check;
    subclasses may override both.

    Args:
        service_name: The service that is tracked.
        **kwargs: For `Endpoint`.

    Attributes:
        is_active: False while a service is down on purpose; its silence is then not reported.
        status: The result of the last check.
        last_heartbeat: Timestamp of the last heartbeat, as its sender wrote it; empty before the first.
    """

    Status = HeartbeatStatus
    is_active = Setting(switch, "Whether the service's silence is reported.")

    _dripline_reach: ClassVar[Reach] = {
        "get": {"service_name", "status", "last_heartbeat", "last_timestamp"},
        "set": {"is_active"},
    }

    def __init__(self, service_name: str, **kwargs: Any) -> None:
        Endpoint.__init__(self, **kwargs)
        self.service_name = service_name
        self.is_active = True
        self.status = HeartbeatStatus.UNKNOWN
        self.last_heartbeat = ""
        # Silence is measured with this machine's monotonic clock, since the sender's clock may be wrong.
        self._dripline_heard_s = time.monotonic()
        self._dripline_timestamp = time.time()

    @property
    def last_timestamp(self) -> float:
        """When the last heartbeat was sent, in seconds since 1970; before the first, when the tracker was created.

        A subclass that assigns it sets the time from which silence is measured.
        """
        return self._dripline_timestamp

    @last_timestamp.setter
    def last_timestamp(self, posix_s: float) -> None:
        self._dripline_timestamp = float(posix_s)
        self._dripline_heard_s = time.monotonic() - (time.time() - self._dripline_timestamp)
        self.last_heartbeat = datetime.fromtimestamp(posix_s, timezone.utc).isoformat()

    def process_heartbeat(self, timestamp: str) -> None:
        """Record a heartbeat.

        Args:
            timestamp: When it was sent, RFC 3339 in UTC.
        """
        sent = read_time(timestamp)
        self._dripline_timestamp = sent.timestamp() if sent is not None else time.time()
        self._dripline_heard_s = time.monotonic()
        self.last_heartbeat = timestamp

    def check_delay(self) -> dict[str, Any]:
        """Update `status` with the thresholds of the monitor.

        Returns:
            ``{"status": Status.OK, "time_since_last_hb": 12.3}``, the time in seconds. Before the first heartbeat
            it is the time since the tracker was created.
        """
        self.status = self.__judged(
            self.service.warning_threshold_s,
            self.service.critical_threshold_s,
            getattr(self.service, "_dripline_listening_since_s", 0.0),
        )
        return {"status": self.status, "time_since_last_hb": self._dripline_silence_s()}

    def on_get(self) -> dict[str, Any]:
        """Return everything that is known about the service."""
        return {
            "service_name": self.service_name,
            "status": self.status.value,
            "is_active": self.is_active,
            "last_heartbeat": self.last_heartbeat or None,
            "seconds_since_heartbeat": round(self._dripline_silence_s(), 3) if self.last_heartbeat else None,
        }

    def _dripline_silence_s(self, listening_since_s: float = 0.0) -> float:
        """How long the service has been silent while somebody listened, in seconds."""
        return time.monotonic() - max(self._dripline_heard_s, listening_since_s)

    def __judged(self, warning_s: float, critical_s: float, listening_since_s: float) -> HeartbeatStatus:
        silence_s = self._dripline_silence_s(listening_since_s)
        if not self.is_active:
            return HeartbeatStatus.UNKNOWN
        if silence_s >= critical_s:
            return HeartbeatStatus.CRITICAL
        if silence_s >= warning_s:
            return HeartbeatStatus.WARNING
        if not self.last_heartbeat:
            return HeartbeatStatus.UNKNOWN
        # No heartbeat could arrive while the monitor was not listening, so the status stays until the next one.
        return self.status if self._dripline_heard_s < listening_since_s else HeartbeatStatus.OK
