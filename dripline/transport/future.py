"""Futures: single values, replies of the broker, publisher confirms."""

from __future__ import annotations

import copy
import threading
import time
from _thread import allocate_lock
from collections.abc import Callable
from itertools import takewhile
from typing import Any, Generic, TypeVar

from dripline.errors import BrokerError
from dripline.wire.safe_text import duration

T = TypeVar("T")


def again(error: BrokerError) -> BrokerError:
    """Return a copy of an error: one instance raised by many threads would collect all their tracebacks."""
    return copy.copy(error)


class OneShotFuture(Generic[T]):
    """One-shot hand-over between threads; several times lighter than an Event or a Future.

    The first `set` or `fail` counts, later ones are ignored, from whatever thread they come.
    """

    __slots__ = ("_brought", "_lock")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._brought: list[tuple[T | None, Exception | None]] = []

    @property
    def filled(self) -> bool:
        """Whether a value or an error has arrived."""
        return bool(self._brought)

    def peek(self) -> tuple[T | None, Exception | None] | None:
        """The value or the error that has arrived; None as long as neither has. Never waits."""
        return self._brought[0] if self._brought else None

    def set(self, value: T) -> None:
        """Bring the value."""
        self._bring((value, None))

    def fail(self, error: Exception) -> None:
        """Bring an error, which `wait` raises."""
        self._bring((None, error))

    def await_filled(self, timeout_s: float) -> bool:
        """Wait for a value or an error without taking it.

        Args:
            timeout_s: Longest wait, in seconds.

        Returns:
            Whether it has arrived.
        """
        if not self._lock.acquire(timeout=max(0.0, min(timeout_s, 4_000_000.0))):
            return False
        self._lock.release()
        return True

    def wait(self, timeout_s: float) -> T:
        """Wait for the value.

        Args:
            timeout_s: Longest wait, in seconds.

        Raises:
            TimeoutError: Nothing came in time.
            Exception: What `fail` was given.
        """
        if not self._brought and not self.await_filled(timeout_s):
            raise TimeoutError(f"nothing came within {duration(timeout_s)}")
        value, error = self._brought[0]
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # brought without error: the value is a T

    def _bring(self, entry: tuple[T | None, Exception | None]) -> None:
        if self._brought:
            return
        self._brought.append(entry)
        if self._brought[0] is entry:  # of several that append at a time only one is the first
            self._lock.release()


class Calls:
    """Runs asynchronous calls on the I/O thread and waits for their answers.

    Args:
        post: Runs something on the I/O thread, soon; or never, when that thread has ended.
    """

    def __init__(self, post: Callable[[Callable[[], object]], None]) -> None:
        self._post = post
        self._waiting: set[OneShotFuture[Any]] = set()
        self._error: BrokerError | None = None

    def ask(self, start: Callable[[Callable[[Any], None]], object], timeout_s: float) -> Any:
        """Start a call on the I/O thread and wait for its answer.

        Args:
            start: The call; it is given what to call with the answer.
            timeout_s: Longest wait, in seconds.

        Raises:
            TimeoutError: No answer came in time.
            BrokerError: What `fail` was given, before or meanwhile.
        """
        slot: OneShotFuture[Any] = OneShotFuture()

        def run() -> None:
            try:
                start(slot.set)
            except Exception as error:  # noqa: BLE001 - it is raised again in the thread that asked
                slot.fail(error)

        self._waiting.add(slot)
        try:
            if self._error is not None:  # looked at after adding: `fail` either finds the slot or is seen here
                raise again(self._error)
            self._post(run)
            return slot.wait(timeout_s)
        finally:
            self._waiting.discard(slot)

    def fail(self, error: BrokerError) -> None:
        """Answer all questions, and those to come, with an error."""
        self._error = error
        for slot in list(self._waiting):
            slot.fail(again(error))


class Confirms:
    """Counts publisher confirms in a window, so that publishing never waits for them one by one.

    Args:
        window: About how many messages may be unconfirmed before `send` waits.
    """

    def __init__(self, window: int = 4000) -> None:
        self._window = window
        self._write = threading.Lock()
        self._room = threading.Condition()
        self._waiting = 0
        self._last = 0
        self._open: dict[int, OneShotFuture[bool]] = {}

    def __len__(self) -> int:
        """Return how many messages are unconfirmed."""
        return len(self._open)

    def send(self, write: Callable[[], None], timeout_s: float) -> OneShotFuture[bool]:
        """Write one message and number it; as `send_all` with one."""
        return self.send_all(write, 1, timeout_s)[0]

    def send_all(self, write: Callable[[], None], count: int, timeout_s: float) -> list[OneShotFuture[bool]]:
        """Write messages and number them, in one step for all threads.

        Args:
            write: Sends exactly that many basic.publish on the confirming channel, or raises and sends none.
            count: How many.
            timeout_s: Maximum wait for room in the window; there is room if the window is not full before.

        Returns:
            A slot for each message, which gets True when the broker has it and False when it refused it.

        Raises:
            TimeoutError: The window stayed full, or another thread could not write for so long.
        """
        timeout_s = min(timeout_s, threading.TIMEOUT_MAX)
        deadline = time.monotonic() + timeout_s
        if len(self._open) >= self._window:
            self._wait(lambda: len(self._open) < self._window, timeout_s)
        if not self._write.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError(f"the broker took no data for {duration(timeout_s)}")
        slots: list[OneShotFuture[bool]] = [OneShotFuture() for _ in range(count)]
        tags = range(self._last + 1, self._last + 1 + count)
        self._open.update(zip(tags, slots, strict=True))  # first: a confirm may be back before `write` returns
        try:
            write()
            self._last += count
        except BaseException:
            for tag in tags:
                self._open.pop(tag, None)
            raise
        finally:
            self._write.release()
        return slots

    def settle(self, tag: int, multiple: bool, acknowledged: bool) -> None:
        """Take a confirm from the broker. Takes no lock that a writer may hold: the I/O thread calls this.

        Args:
            tag: Which message; with ``multiple`` that one and all before it, 0 for all.
            multiple: Whether it settles several.
            acknowledged: Whether the broker has them; False when it refused them.
        """
        for number in self._up_to(tag) if multiple else (tag,):
            slot = self._open.pop(number, None)
            if slot is not None:
                slot.set(acknowledged)
        self._notify()

    def fail(self, error: BrokerError) -> None:
        """Tell everybody who waits that no confirm will come."""
        for number in list(self._open):
            slot = self._open.pop(number, None)
            if slot is not None:
                slot.fail(again(error))
        self._notify()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until everything is confirmed; returns False when it is not in time."""
        try:
            self._wait(lambda: not self._open, timeout_s)
        except TimeoutError:
            return False
        return True

    def _up_to(self, tag: int) -> list[int]:
        numbers = list(self._open)  # in the order of their writes
        return list(takewhile(lambda number: number <= tag, numbers)) if tag else numbers

    def _wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        with self._room:
            self._waiting += 1
            try:
                if not self._room.wait_for(ready, timeout_s):
                    raise TimeoutError(f"the broker confirmed nothing for {duration(timeout_s)}")
            finally:
                self._waiting -= 1

    def _notify(self) -> None:
        if self._waiting:
            with self._room:
                self._room.notify_all()
