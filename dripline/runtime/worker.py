"""The thread on which handlers run: deliveries of one queue, one at a time, in order."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

from dripline.amqp.content import Delivery
from dripline.runtime.boundary import Boundary
from dripline.runtime.in_flight import InFlight, in_flight, release, set_in_flight
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.transport.connection import Connection
from dripline.wire.body import Joiner, Part, read_part
from dripline.wire.codec import incomplete_message, read_message
from dripline.wire.message import Message, MsgRequest
from dripline.wire.sender import describe_sender, sender_of

__all__ = ["WAITING_BYTES", "InFlight", "Worker", "in_flight", "release"]

logger = logging.getLogger("dripline.service")

#: Most bytes of messages that wait for one worker; the broker's prefetch bounds their number.
WAITING_BYTES = 128 * 1024 * 1024
_NO_ROOM = f"more than {WAITING_BYTES // (1 << 20)} MB of messages wait for their handler"


class Worker:
    """A thread with a queue of deliveries.

    At most `WAITING_BYTES` wait for it. A request beyond that is answered with an error; an alert is dropped,
    counted and logged. A consumer that must lose nothing has an `AlertCollector` instead.

    Args:
        name: The thread's name.
        on_message: Called with each whole message.
        wait_s: How long an incomplete message is waited for after its last chunk.

    Attributes:
        dropped: How many messages were dropped, by reason.
    """

    def __init__(self, name: str, on_message: Callable[[Message], None], wait_s: float = 1.0) -> None:
        self._on_message = on_message
        self.dropped: Counter[str] = Counter()
        self._queue: queue.SimpleQueue[InFlight | None] = queue.SimpleQueue()
        self._unfinished: set[InFlight] = set()  # what is queued or in hand
        self._joiner = Joiner(wait_s)
        self._limited_log = RateLimitedLogger(logger)
        # Each is counted on one thread only.
        self._bytes_in = self._bytes_out = self._came = self._handled = 0
        self._told = self._hurry = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether all that came is handled, so that what comes now is taken at once; for the I/O thread."""
        return self._came == self._handled

    @property
    def backlog(self) -> int:
        """How many deliveries have come and are not handled."""
        return self._came - self._handled

    def unfinished(self) -> set[str]:
        """Return the correlation ids of what is queued or in hand; for any thread."""
        items = self._unfinished.copy()
        return {item.delivery.properties.correlation_id or "" for item in items}

    def put(self, delivery: Delivery) -> None:
        """Hand over a delivery that needs no acknowledgement; for the I/O thread."""
        self._take_in(None, delivery)

    def feeder(self, connection: Connection) -> Callable[[Delivery], None]:
        """Return what hands over deliveries that are acknowledged on ``connection`` when they are handled."""
        take_in = self._take_in
        return lambda delivery: take_in(connection, delivery)

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

    def _take_in(self, connection: Connection | None, delivery: Delivery) -> None:
        size = len(delivery.body)
        if self._bytes_in - self._bytes_out + size > WAITING_BYTES:
            # A request is answered with an error. An empty queue takes any message the transport does.
            item = InFlight(connection, delivery._replace(body=b""), time.monotonic())
            item.failure, size = _NO_ROOM, 0
        else:
            item = InFlight(connection, delivery, time.monotonic())
        self._bytes_in += size
        self._came += 1
        self._unfinished.add(item)
        self._queue.put(item)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._limited_log.settle()

    def _work(self) -> None:
        while not self._hurry:
            try:
                item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._give_up_incomplete(time.monotonic())
                continue
            if item is None:
                return
            size = len(item.delivery.body)
            self._handle(item)
            self._unfinished.discard(item)
            self._bytes_out += size
            self._handled += 1
            if self._joiner.next_expiry() is not None:
                # By the time at which this one came: what came behind it may be the rest of one that waits.
                self._give_up_incomplete(item.came_s)

    def _patience(self) -> float | None:
        expiry = self._joiner.next_expiry()
        return None if expiry is None else max(0.0, expiry - time.monotonic())

    def _handle(self, item: InFlight) -> None:
        set_in_flight(item)
        delivery = item.delivery
        try:
            part = read_part(delivery.properties, delivery.body, delivery.routing_key)
            if item.failure:
                self._refuse(part, item.failure)
                return
            body = self._joiner.add(part, item.came_s)
            if body is not None:
                self._deliver(self._counted(read_message(part, body)))
        except ValueError as error:  # DecodingError is one
            self._drop("undecodable", "dropped what is no message", delivery, error)
        finally:
            item.ack()
            set_in_flight(None)

    def _refuse(self, part: Part, why: str) -> None:
        """Handle what has no room as invalid: a request is answered with an error, anything else dropped."""
        if part.total > 1:
            self._joiner.refuse(part)
            self._give_up_incomplete(float("-inf"))
            return
        message = incomplete_message(part)
        message.invalid_reason = why
        self._deliver(self._counted(message, "no_room"))

    def _give_up_incomplete(self, now: float) -> None:
        for part in self._joiner.expired(now):
            try:
                message = incomplete_message(part)
            except ValueError as error:
                self._drop("incomplete", "dropped an incomplete message", part, error)
                continue
            self._deliver(self._counted(message, "incomplete"))

    def _counted(self, message: Message, reason: str = "undecodable") -> Message:
        """Count a message that the service drops, and logs, because it is invalid; a request is answered."""
        if message.invalid_reason is not None and isinstance(message, MsgRequest):
            sender = describe_sender(message.sender_info)
            self._limited_log.tell(
                "an invalid request",
                "an invalid request for %r%s: %s",
                message.routing_key, f" from {sender}" if sender else "", message.invalid_reason,
            )  # fmt: skip
        elif message.invalid_reason is not None:
            self.dropped[reason] += 1
        return message

    def _drop(self, reason: str, kind: str, dropped: Delivery | Part, why: object) -> None:
        self.dropped[reason] += 1
        sender = sender_of(dropped.properties)
        origin = f" from {sender}" if sender else ""
        self._limited_log.tell(kind, f"{kind}, for %r%s: %s", dropped.routing_key, origin, why)

    def _deliver(self, message: Message) -> None:
        with Boundary(self._limited_log, "a message for %r could not be handled", message.routing_key):
            self._on_message(message)
