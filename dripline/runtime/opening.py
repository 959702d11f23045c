"""Threads that wait for a connection, and the state of the attempts to open it."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable
from enum import Enum

from dripline.errors import BrokerError
from dripline.transport.future import OneShotFuture

# Not without a limit: a signal that arrives just before a thread begins to wait is handled when it wakes.
_LOOK_S = 0.5


class State(Enum):
    """Of the connection that is kept."""

    IDLE = "there is none, and nobody waits for one"
    CONNECTING = "the first one is being made"
    ESTABLISHED = "there is one, and all set-ups are done on it"
    RECONNECTING = "it was lost, and is being made anew"
    CLOSED = "nothing opens it again"


class Caller:
    """A thread that waits for a connection.

    Attributes:
        last: The number of the last attempt it waits for, `math.inf` for no last one; None for as many as fit in.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self._outcome: OneShotFuture[BaseException | None] = OneShotFuture()

    def end(self, error: BaseException | None) -> None:
        """End the wait, with an error or None for success; the first call counts."""
        self._outcome.set(error)

    def wait(self, limit_s: float | None) -> bool:
        """Wait for the end.

        Args:
            limit_s: Longest wait, in seconds; None for no limit.

        Returns:
            False when the time is up.

        Raises:
            BaseException: The error it ended with.
        """
        deadline = math.inf if limit_s is None else time.monotonic() + limit_s
        while not self._outcome.await_filled(min(_LOOK_S, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                return False
        error = self._outcome.wait(0)
        if error is not None:
            # Each its own: one instance raised by many threads would collect all their tracebacks.
            raise copy.copy(error) if isinstance(error, BrokerError) else error
        return True


class Life:
    """The time from the opening of a link to its closing; the next opening has another one.

    Attributes:
        making: Held while a connection is made or added to.
        closed: Set at the end.
        callers: Who waits for a connection.
        attempts: How many attempts to make it have failed.
        reason: Why the last one has failed.
        failure: The same as an error, while somebody waits without end.
        adding: Set-ups that are being added, by whom others that want the same wait.
    """

    def __init__(self) -> None:
        self.making = threading.RLock()
        self.closed = threading.Event()
        self.callers: list[Caller] = []
        self.attempts = 0
        self.reason = ""
        self.failure: BrokerError | None = None
        self.adding: dict[object, Caller] = {}
        self._wake = threading.Event()

    def pause(self, seconds: float) -> None:
        """Wait before the next attempt."""
        self._wake.wait(seconds)
        self._wake.clear()

    def hurry(self) -> None:
        """End the pause."""
        self._wake.set()

    def end_callers(self, error: BaseException | None) -> None:
        """End all waits."""
        for caller in self.callers:
            caller.end(error)
        self.callers.clear()

    def fail_callers(self, error: BaseException, *, final: bool) -> list[Caller]:
        """End the waits of those for whom this was the last attempt; returns the others.

        Args:
            error: Why it failed.
            final: Whether no further attempt can help.
        """
        self.attempts += 1
        waiting = []
        for caller in self.callers:
            if final or (caller.last is not None and caller.last <= self.attempts):
                caller.end(error)
            else:
                waiting.append(caller)
        self.callers = waiting
        return waiting


def raised_by(work: Callable[[], None]) -> BaseException | None:
    """Return what some work raises, to raise it where the work is waited for; a set-up may raise anything."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - see above
        return error
    return None
