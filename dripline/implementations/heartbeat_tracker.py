"""What is known of one service's heartbeats."""

from __future__ import annotations

import time
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from dripline.core.access import Reach
from dripline.core.endpoint import Endpoint
from dripline.core.settings import Setting, switch


class HeartbeatStatus(str, Enum):
    """How a service is, as its heartbeats tell."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"


class Change(NamedTuple):
    """A status that became another."""

    before: HeartbeatStatus
    now: HeartbeatStatus


class HeartbeatTracker(Endpoint):
    """An endpoint that says how long ago a service was heard.

    Args:
        service_name: the service that is tracked.
        **kwargs: for `Endpoint`.

    Attributes:
        is_active: False while a service is down on purpose: its silence is no news then.
        status: what the last check found.
        last_heartbeat: when the last heartbeat was sent, as it says itself; empty before the first.
    """

    Status = HeartbeatStatus
    is_active = Setting(switch, "Whether its silence is news.")

    _dripline_reach: ClassVar[Reach] = {"get": {"service_name", "status", "last_heartbeat"}, "set": {"is_active"}}

    def __init__(self, service_name: str, **kwargs: Any) -> None:
        Endpoint.__init__(self, **kwargs)
        self.service_name = service_name
        self.is_active = True
        self.status = HeartbeatStatus.UNKNOWN
        self.last_heartbeat = ""
        self._dripline_is_missed = False
        # By this machine's clock, since the other one's may be wrong.
        self._dripline_heard_s = time.monotonic()

    def on_get(self) -> dict[str, Any]:
        """Return what is known."""
        return {
            "service_name": self.service_name,
            "status": self.status.value,
            "is_active": self.is_active,
            "last_heartbeat": self.last_heartbeat or None,
            "seconds_since_heartbeat": round(self._dripline_silence_s(), 3) if self.last_heartbeat else None,
        }

    def _dripline_heard(self, timestamp: str) -> None:
        """Note a heartbeat."""
        self._dripline_heard_s = time.monotonic()
        self.last_heartbeat = timestamp

    def _dripline_silence_s(self, listening_since_s: float = 0.0) -> float:
        """For how long nothing was heard though somebody listened, in seconds."""
        return time.monotonic() - max(self._dripline_heard_s, listening_since_s)

    def _dripline_check(self, warning_s: float, critical_s: float, listening_since_s: float) -> Change:
        """Find the status anew.

        Args:
            warning_s: a silence that is worth a warning, in seconds.
            critical_s: a silence that is critical.
            listening_since_s: nothing could be heard before, by the monotonic clock.
        """
        before = self.status
        self.status = self.__judged(warning_s, critical_s, listening_since_s)
        return Change(before, self.status)

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
        # The break was ours: nothing is known of it until it is heard again.
        return self.status if self._dripline_heard_s < listening_since_s else HeartbeatStatus.OK
