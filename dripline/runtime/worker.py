"""Worker thread of a queue: joins chunks, decodes messages, calls handlers one at a time; priority lane."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from dripline.amqp.content import Delivery
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger, Taker
from dripline.transport.connection import Connection
from dripline.wire.body import Joiner, Part, read_part
from dripline.wire.codec import incomplete_message, read_message
from dripline.wire.message import Message, MsgRequest
from dripline.wire.safe_text import named_text_of
from dripline.wire.sender import describe_sender, sender_of

logger = logging.getLogger("dripline.service")

#: Most bytes of messages that wait for one worker; the broker's prefetch bounds their number.
WAITING_BYTES = 128 * 1024 * 1024
_NO_ROOM = f"more than {WAITING_BYTES // (1 << 20)} MB of messages wait for their handler"

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
        self._deliver = on_message if isinstance(on_message, Taker) else Taker(on_message, self._boundary)
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

    def _boundary(self, message: Message) -> Boundary:
        return Boundary(self._limited_log, "a message for %r could not be handled", message.routing_key)


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
