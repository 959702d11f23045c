"""Ending on SIGINT and SIGTERM, and when the terminal is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal came.

    A plain KeyboardInterrupt, even one that was handled, makes Python end by SIGINT instead of with its exit code
    when it is raised inside of an `exec` of text, as every dataclass has one.
    """


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End what runs, as a handler of signals."""
    raise Interrupted


@contextmanager
def on_signal(action: Callable[[], object]) -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP do something; a second one, when that does not help, interrupts.

    SIGHUP comes when the terminal is closed; it stays ignored where `nohup` has seen to that.

    Args:
        action: called in the main thread between two of its steps; it may raise.
    """
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            raise Interrupted
        action()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_LOOK_S = 0.5


class StopEvent(threading.Event):
    """Something to wait for, or to look at between two steps, that SIGINT and SIGTERM set."""

    def look(self) -> None:
        """Raise Interrupted if a signal came.

        Raising in the handler instead would be quicker, but some places lose what is raised in them, such as the
        end of an object or of an import's lock.
        """
        if self.is_set():
            raise Interrupted

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, for ever without a timeout."""
        if timeout is not None:
            return super().wait(timeout)
        # Python handles a signal that arrives just before a wait when the wait is over; without an end: never.
        while not super().wait(_LOOK_S):
            pass
        return True

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Have the signals set the event."""
        with on_signal(self.set):
            yield
