"""A way past a busy handler, for questions that need no instrument: is anybody there?"""

from __future__ import annotations

from collections.abc import Callable

from dripline.runtime.worker import Worker
from dripline.transport import Connection, Delivery
from dripline.wire.message import Message
from dripline.wire.table import long_string

#: What is asked of a service to hear how it is.
HEALTH = "health"

# As the wire has them; a look at the bytes costs the I/O thread next to nothing.
_QUICK = tuple(b"specifier" + long_string(word) for word in ("ping", HEALTH))


class QuickLane:
    """Takes pings and questions for the health of a service off a queue whose worker is not idle.

    A service that is never asked while it is at work has no second thread.

    Args:
        name: of the service.
        take: answers such a question, on a thread of the lane.
    """

    def __init__(self, name: str, take: Callable[[Message], None]) -> None:
        self._name = name
        self._take = take
        self._worker: Worker | None = None

    def feeder(self, connection: Connection, worker: Worker) -> Callable[[Delivery], None]:
        """Return what hands deliveries over, the quick ones of a busy time to the lane.

        Args:
            connection: where they come from.
            worker: takes all others.
        """
        feed_worker = worker.feeder(connection)

        def feed(delivery: Delivery) -> None:
            if not worker.is_idle and _is_quick(delivery):
                self._lane().feeder(connection)(delivery)
            else:
                feed_worker(delivery)

        return feed

    def stop(self, grace_s: float) -> None:
        """End the lane."""
        if self._worker is not None:
            self._worker.stop(grace_s)
            self._worker = None

    def _lane(self) -> Worker:
        if self._worker is None:  # only the I/O thread comes here
            self._worker = Worker(f"dripline-{self._name}-quick", self._take)
        return self._worker


def _is_quick(delivery: Delivery) -> bool:
    raw = delivery.properties.raw
    return any(words in raw for words in _QUICK) and raw.endswith(b"/0/1")
