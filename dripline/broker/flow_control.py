"""The broker takes no messages for now: those who publish are told, and wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


class Publisher(Protocol):
    """Who is held back: a connection."""

    def on_alarm(self) -> None:
        """The broker takes no messages for now, or does again."""


class Alarm:
    """Holds publishers back while there is a reason to, as RabbitMQ does when it is short of memory or disk.

    A connection that has published something is not read any more, and gets `connection.blocked`; one that only
    listens goes on.

    Args:
        connections: all connections of the broker.
        later: runs a function in the next turn of the loop.

    Attributes:
        reason: why nothing is taken, as clients are told; empty when it is.
    """

    def __init__(self, connections: Iterable[Publisher], later: Callable[[Callable[[], None]], object]) -> None:
        self.reason = ""
        self._connections = connections
        self._later = later
        self._reasons: dict[object, str] = {}

    def sound(self, source: object, reason: str) -> None:
        """Hold publishers back from now on.

        Args:
            source: who says so, and says when it is over.
            reason: why.
        """
        self._reasons[source] = reason
        self._update()

    def end(self, source: object) -> None:
        """Let publishers go on, unless another source has a reason."""
        if self._reasons.pop(source, None) is not None:
            self._later(self._update)  # what waits at other connections must not run inside what runs now

    def _update(self) -> None:
        self.reason = next(iter(self._reasons.values()), "")
        for connection in tuple(self._connections):
            connection.on_alarm()
