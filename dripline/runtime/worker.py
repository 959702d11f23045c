"""The thread on which handlers run: deliveries of one queue, one at a time, in order."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from dripline.transport import Connection, Delivery
from dripline.wire.chunks import Joiner, Part, read_part
from dripline.wire.codec import incomplete_message, read_message
from dripline.wire.message import Message

logger = logging.getLogger(__name__)

_here = threading.local()


class InHand:
    """The delivery that a thread is handling, until it is acknowledged.

    Attributes:
        connection: Where it came from and must be acknowledged; None when it needs no acknowledgement.
        delivery: The delivery.
    """

    __slots__ = ("connection", "delivery")

    def __init__(self, connection: Connection | None, delivery: Delivery) -> None:
        self.connection = connection
        self.delivery = delivery

    def take(self) -> Delivery | None:
        """Take over the duty to acknowledge; None when somebody has done so already."""
        if self.connection is None:
            return None
        self.connection = None
        return self.delivery

    def ack(self) -> None:
        """Acknowledge, unless that is done."""
        connection = self.connection
        if connection is not None:
            self.connection = None
            connection.ack(self.delivery)


def in_hand() -> InHand | None:
    """Return what this thread is handling just now; None on a thread that handles nothing."""
    return getattr(_here, "in_hand", None)


class Worker:
    """A thread with a queue of deliveries.

    Args:
        name: The thread's name.
        on_message: Called with each whole message.
        wait_s: How long an incomplete message is waited for after its last chunk.
    """

    def __init__(self, name: str, on_message: Callable[[Message], None], wait_s: float = 1.0) -> None:
        self._on_message = on_message
        self._queue: queue.SimpleQueue[InHand | None] = queue.SimpleQueue()
        self._joiner = Joiner(wait_s)
        self._told = self._hurry = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Hand over a delivery that needs no acknowledgement; for the I/O thread."""
        self._queue.put(InHand(None, delivery))

    def feeder(self, connection: Connection) -> Callable[[Delivery], None]:
        """Return what hands over deliveries that are acknowledged on ``connection`` when they are handled."""
        put = self._queue.put
        return lambda delivery: put(InHand(connection, delivery))

    def stop(self, grace_s: float = 1.0) -> bool:
        """End the thread after what is queued.

        Args:
            grace_s: How long that may take, in seconds; what is queued still is left undone then. A first call
                with 0 only tells the thread, so that several workers can be told before they are waited for.

        Returns:
            False when the thread is busy still.
        """
        told, self._told = self._told, True
        if not told:
            self._queue.put(None)
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(grace_s)
        self._hurry = told or grace_s > 0
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._hurry:
            try:
                item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._give_up_incomplete()
                continue
            if item is None:
                return
            self._handle(item)
            if len(self._joiner):
                self._give_up_incomplete()

    def _patience(self) -> float | None:
        expiry = self._joiner.next_expiry()
        return None if expiry is None else max(0.0, expiry - time.monotonic())

    def _handle(self, item: InHand) -> None:
        _here.in_hand = item
        delivery = item.delivery
        try:
            part = read_part(delivery.properties, delivery.body, delivery.routing_key)
            body = self._joiner.add(part, time.monotonic())
            if body is not None:
                self._deliver(read_message(part, body))
        except ValueError as error:  # DecodingError is one
            logger.warning("dropped what is no message, for %r: %s", delivery.routing_key, error)
        finally:
            # Chunks of an incomplete message are acknowledged as they come: more of them than the prefetch
            # would wait for each other otherwise.
            item.ack()
            _here.in_hand = None

    def _give_up_incomplete(self) -> None:
        for part in self._joiner.expired(time.monotonic()):
            self._deliver_incomplete(part)

    def _deliver_incomplete(self, part: Part) -> None:
        try:
            message = incomplete_message(part)
        except ValueError as error:
            logger.warning("dropped an incomplete message for %r: %s", part.routing_key, error)
            return
        self._deliver(message)

    def _deliver(self, message: Message) -> None:
        try:
            self._on_message(message)
        except (Exception, SystemExit):  # a handler that calls sys.exit() must not make the service deaf
            logger.exception("a message for %r could not be handled", message.routing_key)
