"""A value that one thread waits for and another one brings."""

from __future__ import annotations

from _thread import allocate_lock
from typing import Generic, TypeVar

from dripline.wire.duration import duration

T = TypeVar("T")


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
