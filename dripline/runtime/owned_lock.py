"""A lock that knows its owner: synchronous work of a service is done by one thread at a time."""

from __future__ import annotations

import threading
from types import TracebackType


class OwnedLock:
    """A re-entrant lock that can tell whether the calling thread holds it.

    The worker of a service takes it for each request, the scheduler for each logged value: an instrument bus must
    not be used by two at once. A thread that holds it and asks an endpoint of its own service is answered on the
    spot, since waiting for the worker would be waiting for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0

    @property
    def held_here(self) -> bool:
        """Whether this thread holds the lock."""
        return self._owner == threading.get_ident()

    def acquire(self, *, wait: bool = True) -> bool:
        """Take the lock; returns whether this thread has it.

        Args:
            wait: Whether to wait while another thread holds it.
        """
        if not self._lock.acquire(wait):
            return False
        self._owner = threading.get_ident()
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()

    def __enter__(self) -> None:
        """Wait for the lock."""
        self.acquire()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.release()
