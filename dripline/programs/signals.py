"""Clean shutdown on SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import signal
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal came.

    A plain KeyboardInterrupt, even one that was handled, makes Python end by SIGINT instead of with its exit code
    when it is raised inside of an `exec` of text, as every dataclass has one.
    """


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End what runs, as a handler of signals."""
    raise Interrupted


def apart(action: Callable[[], object]) -> None:
    """Run something on a thread of its own, started without any lock."""
    start_new_thread(action, ())


@contextmanager
def on_signal(action: Callable[[], object]) -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP do something; a second one, when that does not help, interrupts.

    SIGHUP comes when the terminal is closed; it stays ignored where `nohup` has seen to that.

    Args:
        action: called in the main thread between two of its steps; it may raise, and must take no lock: the step
            that was interrupted may hold it. `apart` runs what does.
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


class StopEvent:
    """Something to wait for, or to look at between two steps, that SIGINT and SIGTERM set.

    Not a `threading.Event`: a handler that sets one while the main thread is just about to wait for it would
    wait for a lock that the main thread has, for ever. Here nothing but the waiting itself needs one.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._closed = allocate_lock()
        self._closed.acquire()

    def set(self) -> None:
        """End what waits for it; from any thread, and from a handler of signals."""
        self._is_set = True
        self._open()

    def _open(self) -> None:
        with suppress(RuntimeError):  # it is open
            self._closed.release()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, for ever without a timeout; returns whether it was set."""
        # Python handles a signal that arrives just before a wait when the wait is over; without an end: never.
        while not self._is_set:
            if self._closed.acquire(timeout=_LOOK_S if timeout is None else timeout):
                self._open()  # for others who wait
            if timeout is not None:
                break
        return self._is_set

    def look(self) -> None:
        """Raise Interrupted if a signal came.

        Raising in the handler instead would be quicker, but some places lose what is raised in them, such as the
        end of an object or of an import's lock.
        """
        if self._is_set:
            raise Interrupted

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Have the signals set the event."""
        with on_signal(self.set):
            yield
