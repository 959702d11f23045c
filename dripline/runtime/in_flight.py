"""A delivery on its way from the broker to the end of its handling."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from dripline.amqp.content import Delivery
from dripline.transport.connection import Connection
from dripline.wire.safe_text import named_text_of

_here = threading.local()
_counting = threading.Lock()  # of the holders of all deliveries; never held while waiting


class InFlight:
    """The delivery that a thread is handling, until it is acknowledged.

    Attributes:
        connection: Where it came from and must be acknowledged; None when it needs no acknowledgement.
        delivery: The delivery.
        came_s: When it came, in seconds of the monotonic clock.
        failure: Why its handler failed; empty if it did not.
    """

    __slots__ = ("_chunks", "_holders", "came_s", "connection", "delivery", "failure")

    def __init__(self, connection: Connection | None, delivery: Delivery, came_s: float) -> None:
        self.connection = connection
        self.delivery = delivery
        self.came_s = came_s
        self.failure = ""
        self._holders = 1  # the worker, until the handler returns
        self._chunks: Sequence[InFlight] = ()

    def hold(self) -> InFlight:
        """Put the acknowledgement off until `release` was called for this as well; returns itself."""
        with _counting:
            self._holders += 1
        return self

    def bring(self, chunks: Sequence[InFlight]) -> None:
        """Have earlier chunks of the same message acknowledged with this one, its last."""
        self._chunks = chunks

    def release(self) -> list[tuple[Connection, Delivery]]:
        """Count one holder less; returns what to acknowledge where when it was the last one."""
        with _counting:
            self._holders -= 1
            if self._holders > 0:
                return []
            due = [
                (item.connection, item.delivery) for item in (*self._chunks, self) if item.connection is not None
            ]
            chunks, self._chunks, self.connection = self._chunks, (), None
        for item in (*chunks, self):
            item.released()
        return due

    @property
    def is_held(self) -> bool:
        """Whether somebody holds it still."""
        return self._holders > 0

    @property
    def is_valid(self) -> bool:
        """Whether it can still be acknowledged; otherwise the broker delivers it again, unless nobody needs it."""
        return self.connection is not None and self.connection.can_settle(self.delivery)

    def void(self) -> None:
        """Give up the duty to acknowledge: the broker delivers it again."""
        self.connection = None

    def released(self) -> None:
        """React to the end of the last holder; does nothing here."""

    def take(self) -> Delivery | None:
        """Take over the duty to acknowledge; None when somebody has done so already."""
        if self.connection is None:
            return None
        self.connection = None
        return self.delivery

    def ack(self) -> None:
        """Acknowledge, unless that is done, or somebody holds it still."""
        release((self,))


def release(held: Iterable[InFlight]) -> None:
    """Release deliveries that were held; those that nobody holds any longer are acknowledged in one write."""
    due: dict[Connection, list[Delivery]] = {}
    for item in held:
        for connection, delivery in item.release():
            due.setdefault(connection, []).append(delivery)
    for connection, deliveries in due.items():
        connection.ack(*deliveries)


def in_flight() -> InFlight | None:
    """Return what this thread is handling just now; None on a thread that handles nothing."""
    return getattr(_here, "in_flight", None)


def set_in_flight(item: InFlight | None) -> None:
    """Set what this thread is handling."""
    _here.in_flight = item


def note_failure(error: BaseException) -> None:
    """Remember that the message in hand could not be handled; a durable consumer makes a dead letter of it."""
    item = in_flight()
    if item is not None:
        item.failure = named_text_of(error)
