"""Queues: message order, round-robin consumers, requeued messages, delivery counts."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, Protocol

from dripline.broker.compatibility import Compatibility
from dripline.broker.exchange import Destination
from dripline.broker.memory_limit import UNBOUNDED, Memory, QueueLimit
from dripline.broker.message import Message, is_persistent, with_counts

logger = logging.getLogger("dripline.broker")

_DELIVERIES_AT_ONCE: Final = 500  # then other connections get their turn


class QueueConsumer(Protocol):
    """Who takes messages from a queue, within a credit."""

    queue: Queue
    tag: str
    no_ack: bool
    exclusive: bool

    def is_ready(self) -> bool:
        """Whether it can take a message now."""

    def deliver(self, entry: Entry) -> None:
        """Take a message; unless no_ack, it is kept until it is acknowledged."""

    def release(self) -> None:
        """One of its deliveries was settled."""

    def on_queue_deleted(self) -> None:
        """Its queue is gone."""


class Entry:
    """A message's place in one queue.

    Attributes:
        number: position; a message put back returns to where it was.
        redelivered: it was handed out before.
        consumer: who has it unacknowledged; None in the queue and after basic.get.
        delivered_at: when it was handed out, by the loop's clock.
        returns: how often it has come back to a quorum queue.
        failures: how often because a delivery failed.
    """

    __slots__ = (
        "consumer",
        "delivered_at",
        "failures",
        "message",
        "number",
        "queue",
        "redelivered",
        "returns",
    )

    def __init__(self, message: Message, queue: Queue, number: int) -> None:
        self.message = message
        self.queue = queue
        self.number = number
        self.redelivered = False
        self.consumer: QueueConsumer | None = None
        self.delivered_at = 0.0
        self.returns = 0
        self.failures = 0

    def content_frames(self, channel: int, frame_max: int, *, always_counted: bool = False) -> bytes:
        """Header and body frames; a quorum queue adds how often the message has come back.

        Args:
            channel: Number of the channel it is delivered on.
            frame_max: Longest frame that the client takes.
            always_counted: Add a count of 0, too.
        """
        message, limit = self.message, self.queue.delivery_limit
        if limit is not None and (self.returns or always_counted):
            message = Message(message.address, limit.header(self, always_counted), message.body)
        return message.content_frames(channel, frame_max)


class DeliveryLimit:
    """Counts the returns of one quorum queue's messages.

    Args:
        queue: Name of the queue, for the log.
        arguments: Of the queue, as declared.
        rules: Of the broker.

    Attributes:
        dropped: How many messages came back too often.
    """

    def __init__(self, queue: str, arguments: Mapping[str, Any], rules: Compatibility) -> None:
        self.dropped = 0
        self._queue = queue
        self._counts_failures = rules.counting == "failures"
        self._limit = _limit(arguments.get("x-delivery-limit", rules.delivery_limit), rules)

    def drop_spent(self, entries: Iterable[Entry], failed: bool) -> list[Entry]:
        """Count one return of each message; those that have come back too often are settled.

        Args:
            entries: Messages that come back.
            failed: Whether the deliveries count as failed, where that is counted separately.

        Returns:
            The messages that may be delivered again.
        """
        kept = []
        for entry in entries:
            entry.returns += 1
            entry.failures += failed
            counted = entry.failures if self._counts_failures else entry.returns
            if self._limit is None or counted <= self._limit:
                kept.append(entry)
            else:
                self._drop(entry)
        return kept

    def header(self, entry: Entry, always: bool) -> bytes:
        """The content header of a delivery, with the counts that RabbitMQ adds.

        Args:
            entry: What is delivered.
            always: With a count of 0, too, as in the reply to basic.get.
        """
        counts = {"x-delivery-count": entry.failures if self._counts_failures else entry.returns}
        if self._counts_failures:
            counts["x-acquired-count"] = entry.returns
        counts = {name: count for name, count in counts.items() if count or always}
        return with_counts(entry.message.header, counts) if counts else entry.message.header

    def _drop(self, entry: Entry) -> None:
        if not self.dropped:
            logger.warning("queue %r drops messages that came back more than %s times", self._queue, self._limit)
        self.dropped += 1
        entry.queue.settle(entry)


class Queue(Destination):
    """One queue of a virtual host.

    Args:
        name, durable, auto_delete, arguments: as of any `Destination`.
        owner: the connection it is exclusive to, or None.
        later: runs a function in the next turn of the loop.
        memory: counts what all queues hold.
        delivery_limit: of a quorum queue; counts how often its messages come back.

    Attributes:
        held: bytes of messages that wait or are not acknowledged yet.
        dropped: how many messages had no room.
    """

    def __init__(
        self,
        name: str,
        *,
        durable: bool,
        auto_delete: bool,
        arguments: Mapping[str, Any],
        owner: object | None,
        later: Callable[[Callable[[], None]], object],
        memory: Memory,
        delivery_limit: DeliveryLimit | None = None,
    ) -> None:
        super().__init__(name, durable, auto_delete, arguments)
        self.owner = owner
        self.deleted = False
        self.ready: deque[Entry] = deque()
        self.consumers: deque[QueueConsumer] = deque()
        self.held = 0
        self.dropped = 0
        self.delivery_limit = delivery_limit
        self._later = later
        self._memory = memory
        # A durable queue drops no confirmed message unless its own arguments ask for it: publishers wait instead.
        self._limit = QueueLimit(arguments, memory.queue_limit if not durable else UNBOUNDED)
        self._next_number = 0
        self._drain_pending = False

    def put(self, message: Message, redelivered: bool = False) -> None:
        """Append a message, or hand it out at once."""
        entry = Entry(message, self, self._next_number)
        entry.redelivered = redelivered
        self._next_number += 1
        if not self.ready:
            consumer = self._next_consumer()
            if consumer is not None:
                if not consumer.no_ack:
                    self._hold(message.size)
                consumer.deliver(entry)
                return
        self.ready.append(entry)
        self._hold(message.size)
        self._make_room()

    def settle(self, entry: Entry) -> None:
        """A message that was handed out will not come back."""
        self._let_go(entry.message.size)

    def put_back(self, entries: Iterable[Entry], failed: bool = False) -> None:
        """Return messages that were handed out to their old positions, marked as redelivered.

        Args:
            entries: The messages.
            failed: Their deliveries count as failed, for a limit that counts these.
        """
        if self.deleted:
            settle(entries)  # there is nowhere to return to
            return
        if self.delivery_limit is not None:
            entries = self.delivery_limit.drop_spent(entries, failed)
        returned = sorted(entries, key=attrgetter("number"))
        for entry in returned:
            entry.redelivered = True
            entry.consumer = None
        if self.ready and returned and returned[-1].number > self.ready[0].number:
            self.ready = deque(sorted((*self.ready, *returned), key=attrgetter("number")))
        else:
            self.ready.extendleft(reversed(returned))
        self.drain()
        self._make_room()

    def drain(self) -> None:
        """Hand out messages while there are some and a consumer can take them."""
        for _ in range(_DELIVERIES_AT_ONCE):
            if not self.ready:
                return
            consumer = self._next_consumer()
            if consumer is None:
                return
            entry = self.ready.popleft()
            if consumer.no_ack:
                self._let_go(entry.message.size)
            consumer.deliver(entry)
        if not self._drain_pending:
            self._drain_pending = True
            self._later(self._continue_draining)

    def purge(self) -> int:
        """Drop the messages that wait; how many."""
        count = len(self.ready)
        self._let_go(sum(entry.message.size for entry in self.ready))
        self.ready.clear()
        return count

    def purge_transient(self) -> None:
        """Drop the messages that did not ask to survive a restart; a quorum queue keeps all."""
        if self.arguments.get("x-queue-type") == "quorum":
            return
        kept = [entry for entry in self.ready if is_persistent(entry.message.header)]
        self.purge()
        self.ready.extend(kept)
        self._hold(sum(entry.message.size for entry in kept))

    def delete(self) -> None:
        """Let go of the messages that wait; those that were handed out count until they are settled."""
        self.deleted = True
        self.purge()

    def _hold(self, size: int) -> None:
        self.held += size
        self._memory.take(size)

    def _let_go(self, size: int) -> None:
        self.held -= size
        self._memory.give_back(size)

    def _make_room(self) -> None:
        limit = self._limit
        while self.ready and (self.held > limit.size or len(self.ready) > limit.length):
            if not self.dropped:
                logger.warning("queue %r is full: its oldest messages go", self.name)
            self._let_go(self.ready.popleft().message.size)
            self.dropped += 1

    def _next_consumer(self) -> QueueConsumer | None:
        consumers = self.consumers
        for _ in range(len(consumers)):
            consumer = consumers[0]
            consumers.rotate(-1)
            if consumer.is_ready():
                return consumer
        return None

    def _continue_draining(self) -> None:
        self._drain_pending = False
        self.drain()


def settle(entries: Iterable[Entry]) -> None:
    """Let go of messages that were handed out and will not come back."""
    for entry in entries:
        entry.queue.settle(entry)


def put_back(entries: Iterable[Entry], failed: bool = False) -> None:
    """Return messages to their queues; `failed` as in `Queue.put_back`."""
    by_queue: dict[Queue, list[Entry]] = {}
    for entry in entries:
        by_queue.setdefault(entry.queue, []).append(entry)
    for queue, returned in by_queue.items():
        queue.put_back(returned, failed)


def _limit(given: Any, rules: Compatibility) -> int | None:
    """The limit that a declaration asks for; anything but a number is none, as for RabbitMQ."""
    if not isinstance(given, int) or isinstance(given, bool):
        return None
    if given < 0:
        return 0 if rules.negative_limit_drops else None
    return given
