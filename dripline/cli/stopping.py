"""Ending on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_signal(action: Callable[[], object]) -> Iterator[None]:
    """Have SIGINT and SIGTERM do something; a second one, when that does not help, interrupts.

    Args:
        action: called in the main thread between two of its steps; it may raise.
    """
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            raise KeyboardInterrupt
        action()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopEvent(threading.Event):
    """Something to wait for that SIGINT and SIGTERM set."""

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Have the signals set the event."""
        with on_signal(self.set):
            yield
