"""A thread that calls a function at regular intervals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger

logger = logging.getLogger("dripline.connection")


class Heartbeat:
    """Calls a function at an interval, the first time after one interval.

    Args:
        beat: Sends the sign of life; what it raises is logged and the next beat follows.
        interval_s: Seconds between two beats; 0 or less sends none.
        name: Name of the thread.
    """

    def __init__(self, beat: Callable[[], object], interval_s: float, name: str = "dripline-heartbeat") -> None:
        self._name = name
        self._beat = beat
        self._interval_s = interval_s
        self._limited_log = RateLimitedLogger(logger)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start beating, unless it beats already; it can be started again after `stop`."""
        if self._interval_s > 0 and self._thread is None:
            self._stop = threading.Event()
            thread = threading.Thread(target=self._run, args=(self._stop,), name=self._name, daemon=True)
            thread.start()  # a signal handler may raise in here: `stop` must not wait for half a thread
            self._thread = thread

    def stop(self, grace_s: float = 1.0) -> None:
        """Stop beating; waits at most ``grace_s`` seconds for a beat that is being sent."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(grace_s)

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval_s):
            with Boundary(self._limited_log, "no heartbeat sent"):
                self._beat()
