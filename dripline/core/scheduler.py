"""Scheduled calls, once or repeated; `Scheduler`, a base of services."""

from __future__ import annotations

import heapq
import inspect
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import scarab
from dripline.core._access import Reach
from dripline.runtime import forks
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger

logger = logging.getLogger("dripline.service")

_CLOCK_STEP_S = 1.0  # a clock that is off by more than this was set, not adjusted
_GRACE_S = 1.0
_LONGEST_SLEEP_S = 60.0  # so that a clock that is set is noticed


@dataclass
class Entry:
    """One thing to do.

    Attributes:
        function: What to do.
        due: When, in seconds since 1970.
        interval_s: How long until it is due again; None for once.
    """

    function: Callable[[], object]
    due: float
    interval_s: float | None


class TaskScheduler:
    """A heap of entries and the thread that works through them in order.

    What takes too long delays the others; what comes late is done once, not once for each interval missed. What
    raises is logged, and stays scheduled. When the computer's clock is set, intervals go on undisturbed, and
    what is due once is done at its new time.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limited_log = RateLimitedLogger(logger)
        self._heap: list[tuple[float, int]] = []
        self._entries: dict[int, Entry] = {}
        self._ids = itertools.count()
        self._thread: threading.Thread | None = None
        self._clock_offset = _clock_offset()
        forks.register(self)

    def after_fork(self) -> None:
        """Do nothing before it is started: the thread is the parent's."""
        self._changed = threading.Condition()
        self._thread = None

    def add(self, function: Callable[[], object], due: datetime, interval: timedelta | None = None) -> int:
        """Add an entry; returns its id.

        Args:
            function: What to do.
            due: The (first) time; without time zone it is local time.
            interval: Time between two runs; None for once.
        """
        entry = Entry(function, due.timestamp(), interval.total_seconds() if interval is not None else None)
        with self._changed:
            number = next(self._ids)
            self._entries[number] = entry
            heapq.heappush(self._heap, (entry.due, number))
            if self._heap[0][1] == number:
                self._changed.notify()
        return number

    def remove(self, number: int) -> bool:
        """Take an entry off; tells whether it was there."""
        with self._changed:
            known = self._entries.pop(number, None) is not None
            if len(self._heap) > 2 * len(self._entries) + 100:
                self._rebuild()
            return known

    def start(self) -> None:
        """Start working."""
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="dripline-scheduler", daemon=True)
                thread.start()  # a signal handler may raise in here: `stop` must not wait for half a thread
                self._thread = thread

    def stop(self, grace_s: float = 1.0) -> None:
        """Stop working, after what is being done now; waits at most ``grace_s`` seconds for that."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(grace_s)

    def _run(self) -> None:
        while True:
            entry = self._next()
            if entry is None:
                return
            name = _name(entry.function)
            with Boundary(self._limited_log, "a scheduled call failed; it stays scheduled: %s", name, kind=name):
                entry.function()

    def _next(self) -> Entry | None:
        """Wait for the next entry that is due; None when this thread was stopped."""
        with self._changed:
            while self._thread is threading.current_thread():
                self._follow_the_clock()
                if not self._heap:
                    self._changed.wait()
                    continue
                due, number = self._heap[0]
                now = time.time()
                if due > now:
                    self._changed.wait(min(due - now, _LONGEST_SLEEP_S))
                    continue
                heapq.heappop(self._heap)
                entry = self._entries.get(number)
                if entry is not None:
                    self._renew(number, entry, now)
                    return entry
            return None

    def _renew(self, number: int, entry: Entry, now: float) -> None:
        if entry.interval_s is None or entry.interval_s <= 0:
            del self._entries[number]
            return
        entry.due += entry.interval_s
        if entry.due <= now:
            entry.due += ((now - entry.due) // entry.interval_s + 1) * entry.interval_s
        heapq.heappush(self._heap, (entry.due, number))

    def _follow_the_clock(self) -> None:
        step = _clock_offset() - self._clock_offset
        if abs(step) < _CLOCK_STEP_S:
            return
        self._clock_offset += step
        for entry in self._entries.values():
            if entry.interval_s is not None:
                entry.due += step
        self._rebuild()

    def _rebuild(self) -> None:
        self._heap = [(entry.due, number) for number, entry in self._entries.items()]
        heapq.heapify(self._heap)


def _clock_offset() -> float:
    """Return the difference between the time of day and the clock that nobody sets."""
    return time.time() - time.monotonic()


def _name(function: Callable[[], object]) -> str:
    """What a log line calls a function; a laboratory's callable object may refuse to give its attributes."""
    return function.__qualname__ if inspect.isroutine(function) else type(function).__qualname__


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
