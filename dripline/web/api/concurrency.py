"""How many requests may wait for the mesh at once, in all and of one client."""

from __future__ import annotations

import threading
from collections import Counter


class NoPlace(Exception):
    """As many requests wait as may; the text says of whom."""


class Places:
    """The places of one server.

    Args:
        total: how many there are.
        per_client: how many of them one address may have.
    """

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()  # a place is taken on the event loop, and may be left on another thread

    @property
    def taken(self) -> int:
        """How many are taken."""
        with self._lock:
            return self._taken.total()

    def take(self, client: str) -> Place:
        """Take a place.

        Args:
            client: the address of who asks.

        Raises:
            NoPlace: all are taken, or this client has as many as it may have.
        """
        with self._lock:
            if self._taken.total() >= self._total:
                raise NoPlace(f"{self._total} requests wait for the mesh already, which is as many as may")
            if self._taken[client] >= self._per_client:
                raise NoPlace(f"{self._per_client} requests of yours wait already, which is as many as may")
            self._taken[client] += 1
        return Place(self, client)

    def _leave(self, client: str) -> None:
        with self._lock:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


class Place:
    """A place that is taken until it is left."""

    def __init__(self, places: Places, client: str) -> None:
        self._places: Places | None = places
        self._client = client

    def leave(self, *_: object) -> None:
        """Make room for another; a second time does nothing. It may be a callback: arguments are ignored."""
        places, self._places = self._places, None
        if places is not None:
            places._leave(self._client)
