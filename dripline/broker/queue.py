"""A queue: messages in order, and the consumers who take turns at them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dripline.broker.delivery_limit import DeliveryLimit
from dripline.broker.errors import ChannelFault
from dripline.broker.memory_limit import UNBOUNDED, Memory, QueueLimit
from dripline.broker.message import Entry, Message, is_persistent

if TYPE_CHECKING:
    from dripline.broker.connection import Connection
    from dripline.broker.consumer import Consumer
    from dripline.broker.exchange import Exchange

logger = logging.getLogger("dripline.broker")

_DELIVERIES_AT_ONCE: Final = 500  # then other connections get their turn


class Queue:
    """One queue of a virtual host.

    Args:
        name: its name.
        durable: it outlives its consumers and connections, and a restart with state; not the broker's process.
        auto_delete: it goes with its last consumer.
        arguments: as declared.
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
        owner: Connection | None,
        later: Callable[[Callable[[], None]], object],
        memory: Memory,
        delivery_limit: DeliveryLimit | None = None,
    ) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.arguments = arguments
        self.owner = owner
        self.deleted = False
        self.bound_to: set[Exchange] = set()
        self.ready: deque[Entry] = deque()
        self.consumers: deque[Consumer] = deque()
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
        returned = sorted(entries, key=_position)
        for entry in returned:
            entry.redelivered = True
            entry.consumer = None
        if self.ready and returned and returned[-1].number > self.ready[0].number:
            self.ready = deque(sorted((*self.ready, *returned), key=_position))
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

    def add_consumer(self, consumer: Consumer) -> None:
        """Let a consumer take part.

        Raises:
            ChannelFault: 403 when it, or one before it, wants the queue alone.
        """
        if self.consumers and (consumer.exclusive or self.consumers[0].exclusive):
            raise ChannelFault(
                403, f"queue '{self.name}' in vhost '{consumer.channel.vhost.name}' in exclusive use"
            )
        self.consumers.append(consumer)

    def remove_consumer(self, consumer: Consumer) -> None:
        """Deliver nothing more to it; what it holds unacknowledged it keeps."""
        self.consumers.remove(consumer)

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

    def _next_consumer(self) -> Consumer | None:
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


def _position(entry: Entry) -> int:
    return entry.number
