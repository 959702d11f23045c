"""How many requests may wait for the mesh at once, in all and of one client."""

from __future__ import annotations

import threading
from collections import Counter


class TooManyRequests(Exception):
    """As many requests wait as may; the text says of whom."""


class ConcurrencyLimit:
    """A limit of one server.

    Args:
        total: How many requests may wait.
        per_client: How many of them may come from one address.
    """

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()  # acquired on the event loop, perhaps released on another thread

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        with self._lock:
            return self._waiting.total()

    def acquire(self, client: str) -> Permit:
        """Let one more request wait.

        Args:
            client: The address of its sender.

        Raises:
            TooManyRequests: The limit is reached, of all or of this client.
        """
        with self._lock:
            if self._waiting.total() >= self._total:
                raise TooManyRequests(f"{self._total} requests wait for the mesh already, which is as many as may")
            if self._waiting[client] >= self._per_client:
                raise TooManyRequests(f"{self._per_client} requests of yours wait already, as many as may")
            self._waiting[client] += 1
        return Permit(self, client)

    def _release(self, client: str) -> None:
        with self._lock:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]


class Permit:
    """A request counts as waiting until this is released."""

    def __init__(self, limit: ConcurrencyLimit, client: str) -> None:
        self._limit: ConcurrencyLimit | None = limit
        self._client = client

    def release(self, *_: object) -> None:
        """Count it no longer; a second call does nothing. Arguments are ignored: it may be a callback."""
        limit, self._limit = self._limit, None
        if limit is not None:
            limit._release(self._client)
