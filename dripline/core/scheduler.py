"""The scheduling part of a service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

import scarab
from dripline.core._access import Reach
from dripline.runtime.task_scheduler import TaskScheduler

_GRACE_S = 1.0


class Scheduler(scarab.Cancelable):
    """Runs functions at their time, on a thread of its own.

    Attributes:
        execution_buffer: shortest time ahead for which something should be scheduled.
        cycle_time: how often a schedule is looked at elsewhere; kept for packages that read it, here things are
            done at their time.
    """

    _dripline_reach: ClassVar[Reach] = {}

    execution_buffer = timedelta(milliseconds=100)
    cycle_time = timedelta(milliseconds=500)

    def __init__(self) -> None:
        self._dripline_task_scheduler = TaskScheduler()

    def schedule(
        self,
        executable: Callable[[], object],
        interval: timedelta | datetime | None = None,
        time: datetime | None = None,
    ) -> int:
        """Schedule a function: once at a time, or again and again at an interval.

        Args:
            executable: what to call; what it raises is logged.
            interval: the time between two calls; a datetime here is the time of the only call.
            time: the time of the first call, or of the only one; now if it is not given. Without time zone it is
                local time.

        Returns:
            An id for `unschedule`.

        Raises:
            TypeError: neither an interval nor a time is given.
        """
        if isinstance(interval, timedelta):
            return self._dripline_task_scheduler.add(executable, time or datetime.now(), interval)
        when = interval if interval is not None else time
        if not isinstance(when, datetime):
            raise TypeError(f"schedule needs a datetime or a timedelta, not {when!r}")
        return self._dripline_task_scheduler.add(executable, when)

    def execute(self) -> None:
        """Run what is scheduled until `cancel`; a service with ``enable_scheduling`` does it by itself.

        A script that has only a scheduler calls this, perhaps on a thread.
        """
        self._dripline_task_scheduler.start()
        try:
            self._scarab_wait_for_cancel()
        finally:
            self._dripline_task_scheduler.stop(_GRACE_S)

    def unschedule(self, id: int) -> None:
        """Take something off the schedule; nothing happens when it is not on it any longer."""
        self._dripline_task_scheduler.remove(id)
