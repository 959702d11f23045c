"""A way past a busy handler, for requests that touch nothing of it, such as a ping."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dripline.amqp.content import Delivery
from dripline.runtime.worker import Worker
from dripline.transport.connection import Connection
from dripline.wire.body import read_part
from dripline.wire.codec import read_message
from dripline.wire.message import Message, MsgRequest


class PriorityLane:
    """Takes requests that may overtake off a queue whose worker is not idle.

    A service that gets none of them while it is at work has no second thread.

    Args:
        name: Name of the service.
        take: Called with each of these requests, on a thread of the lane.
        may_overtake: Whether a request may overtake others; called on the I/O thread.
        specifiers: Specifiers of such requests. Other deliveries are not parsed.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[Message], None],
        may_overtake: Callable[[MsgRequest], bool],
        specifiers: Iterable[str],
    ) -> None:
        self._name = name
        self._take = take
        self._may_overtake = may_overtake
        self._words = tuple(specifier.encode() for specifier in specifiers)
        self._worker: Worker | None = None

    def feeder(self, connection: Connection, worker: Worker) -> Callable[[Delivery], None]:
        """Return what hands deliveries over, those that may overtake in a busy time to the lane.

        Args:
            connection: Where they come from.
            worker: Takes all others.
        """
        feed_worker = worker.feeder(connection)

        def feed(delivery: Delivery) -> None:
            # All chunks of a message go the same way, whether the worker is idle or not.
            if self._has_priority(delivery) and not (worker.is_idle and _is_whole(delivery)):
                self._lane().feeder(connection)(delivery)
            else:
                feed_worker(delivery)

        return feed

    def put(self, delivery: Delivery) -> None:
        """Take a delivery that needs no acknowledgement; one that may not overtake is dropped."""
        if self._has_priority(delivery):
            self._lane().put(delivery)

    def stop(self, grace_s: float) -> None:
        """End the lane."""
        if self._worker is not None:
            self._worker.stop(grace_s)
            self._worker = None

    def _lane(self) -> Worker:
        if self._worker is None:  # only the I/O thread comes here
            self._worker = Worker(f"dripline-{self._name}-priority", self._take)
        return self._worker

    def _has_priority(self, delivery: Delivery) -> bool:
        raw = delivery.properties.raw
        for word in self._words:  # costs the I/O thread next to nothing
            if word in raw:
                break
        else:
            return False
        try:
            message = read_message(read_part(delivery.properties, b"", delivery.routing_key), b"")
        except ValueError:  # DecodingError is one
            return False
        return isinstance(message, MsgRequest) and self._may_overtake(message)


def _is_whole(delivery: Delivery) -> bool:
    return read_part(delivery.properties, b"", delivery.routing_key).total == 1
