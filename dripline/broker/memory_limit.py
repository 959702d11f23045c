"""Memory limit: counts message bytes, blocks publishers (flow control) and drops messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

logger = logging.getLogger("dripline.broker")

MEGABYTE: Final = 1024 * 1024
_RELIEF: Final = 0.9  # the alarm ends when so much of the limit is in use
#: A limit that is never reached.
UNBOUNDED: Final = 2**63


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
        reason: Why nothing is accepted, as sent to clients; empty if messages are accepted.
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


class Memory:
    """Counts the messages of all queues, from publishing until they are settled.

    Args:
        limit: bytes above which publishers wait.
        queue_limit: bytes above which a queue that is not durable drops its oldest messages.
        alarm: holds publishers back.

    Attributes:
        used: bytes in use.
    """

    def __init__(self, limit: int, queue_limit: int, alarm: Alarm) -> None:
        self.used = 0
        self.queue_limit = queue_limit
        self._limit = limit
        self._alarm = alarm
        self._short = False

    def take(self, size: int) -> None:
        """A message came into a queue."""
        self.used += size
        if self.used > self._limit and not self._short:
            self._short = True
            logger.warning("messages take %d MB: publishers wait until that is less", self.used // MEGABYTE)
            self._alarm.sound(self, "low on memory")

    def give_back(self, size: int) -> None:
        """A message was settled."""
        self.used -= size
        if self._short and self.used <= self._limit * _RELIEF:
            self._short = False
            logger.warning("messages take %d MB: publishers go on", self.used // MEGABYTE)
            self._alarm.end(self)


class QueueLimit:
    """How much a queue may hold; then its oldest messages go (drop-head).

    Args:
        arguments: as declared; ``x-max-length`` and ``x-max-length-bytes`` count, unless ``x-overflow`` asks for
            something else than dropping the oldest.
        most_bytes: limit of a queue without such arguments.
    """

    __slots__ = ("length", "size")

    def __init__(self, arguments: Mapping[str, Any], most_bytes: int) -> None:
        drops = arguments.get("x-overflow", "drop-head") == "drop-head"
        self.length = _limit(arguments, "x-max-length") if drops else UNBOUNDED
        self.size = min(most_bytes, _limit(arguments, "x-max-length-bytes") if drops else UNBOUNDED)


def _limit(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) and value >= 0 else UNBOUNDED
