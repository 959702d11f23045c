"""Consumers: created, canceled, restarted with another prefetch count."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pika import spec
from pika.channel import Channel
from pika.exceptions import ChannelClosedByClient

from dripline.amqp.content import Delivery
from dripline.transport.topology import Topology

logger = logging.getLogger("dripline.connection")

# A channel that was closed returns its messages a moment after the answer; they are to come before newer ones.
_RETURN_S = 0.05
_numbers = itertools.count(1)


def handled_here(*_arguments: Any) -> None:
    """Do nothing: pika never sees deliveries, they are read before."""


class ConsumingConnection(Topology):
    """Starts, ends and renews consumers; see `Connection`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tags = f"dl.{next(_numbers)}."  # how the consumer tags of this connection begin
        self._next_tag = itertools.count(1).__next__
        self._consumers: dict[str, AnyConsumer] = {}
        self._acked_consumers: list[AnyConsumer] = []
        self._channel_numbers: dict[str, int] = {}  # by consumer tag, as long as deliveries can be acknowledged
        self._listening = True

    def consume(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        exclusive: bool = True,
        no_ack: bool = False,
        prefetch: int = 100,
    ) -> str:
        """Start a consumer; returns when the broker has done that and everything asked before.

        Args:
            queue: The queue.
            on_delivery: Called on the I/O thread; must only hand the delivery on.
            exclusive: Whether nobody else may consume from the queue.
            no_ack: Whether messages need no acknowledgement.
            prefetch: How many unacknowledged messages the broker may send ahead.

        Returns:
            The consumer tag.
        """
        consumer = Consumer(
            self, self._ready(), queue, on_delivery, exclusive=exclusive, no_ack=no_ack, prefetch=prefetch
        )
        self._ask(consumer.start)
        if not no_ack:
            self._acked_consumers.append(consumer)
        return consumer.tag

    def consume_durably(self, consumer: DurableConsumer, prefetch: int) -> None:
        """Start the consumer of a durable queue; returns when the broker has done that."""
        self._ready()
        self._acked_consumers.append(consumer)
        self._ask(partial(consumer.start, prefetch))

    def cancel_consumers(self, timeout_s: float = 30.0) -> None:
        """End the consumers whose messages are acknowledged; returns when no more messages come to them.

        An auto-delete queue is gone then, so that requests to it fail at once instead of being lost.

        Args:
            timeout_s: Maximum wait for the broker, for all of them.

        Raises:
            ConnectionLost: The connection is gone, or the broker did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        self._listening = False
        while self._acked_consumers:
            consumer = self._acked_consumers.pop()
            self._ready()
            self._ask(consumer.end, max(0.0, deadline - time.monotonic()))

    @property
    def is_listening(self) -> bool:
        """Whether it is open and its consumers were not ended."""
        return self._listening and self.is_open

    # -- for consumers, on the I/O thread ----------------------------------------------------------------------

    def longest_body(self, consumer_tag: str) -> int | None:
        """Give the length beyond which only the beginning of a body is kept; None if a consumer has no limit."""
        consumer = self._consumers.get(consumer_tag)
        return None if consumer is None else consumer.longest_body

    def register(self, consumer: AnyConsumer, channel_number: int) -> str:
        """Choose a consumer tag and hand the deliveries for it to this consumer."""
        tag = f"{self._tags}{self._next_tag()}"
        self._consumers[tag] = consumer
        self._channel_numbers[tag] = channel_number
        return tag

    def unregister(self, tag: str) -> None:
        """Forget a consumer tag that gets no more deliveries; those it has got can still be acknowledged."""
        self._consumers.pop(tag, None)

    def forget_channel(self, channel_number: int) -> None:
        """Forget a channel that is closed; deliveries on it can no longer be acknowledged."""
        for tag in [tag for tag, number in self._channel_numbers.items() if number == channel_number]:
            del self._channel_numbers[tag]
            self._consumers.pop(tag, None)

    def queue_exists(self, queue: str, done: Callable[[bool], None]) -> None:
        """Find out whether there is a queue, without risk for the channel."""
        declaration = spec.Queue.Declare(0, queue, passive=True)
        self._adapter.try_out(declaration, lambda refusal: done(refusal is None))

    def _on_consumer_cancelled(self, frame: Any) -> None:
        tag = str(frame.method.consumer_tag)
        if tag in self._consumers:
            self._consumers[tag].cancelled_by_broker(tag)


class AnyConsumer:
    """What consumers have in common; all their methods are for the I/O thread.

    Args:
        owner: The connection.
        channel: The channel to consume on, if it is open already.
        queue: The queue.
        on_delivery: Called with each delivery.
    """

    no_ack = False
    exclusive = False
    longest_body: int | None = None

    def __init__(
        self,
        owner: ConsumingConnection,
        channel: Channel | None,
        queue: str,
        on_delivery: Callable[[Delivery], None],
    ) -> None:
        self.on_delivery = on_delivery  # type: ignore[method-assign,assignment]  # one call less a message
        self._owner = owner
        self._channel = channel
        self._queue = queue
        self._tags: list[str] = []
        self._ended = False

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a delivery; each consumer has the function it was given."""

    def end(self, done: Callable[[None], object]) -> None:
        """Receive no more messages; `done` is called when the broker has answered."""
        self._ended = True
        self._cancel(done)

    def cancelled_by_broker(self, tag: str) -> None:
        """Consume again if the queue is still there, as after a consumer timeout of RabbitMQ 4.3."""
        if tag in self._tags:  # else our own cancellation crosses that of the broker
            self._tags.remove(tag)
            self._owner.unregister(tag)
            self._owner.queue_exists(self._queue, self._again)

    def _consume_again(self) -> None:
        raise NotImplementedError

    def _again(self, exists: bool) -> None:
        if self._ended:
            return
        if exists:
            message = "the broker cancelled the consumer of queue %r, which still exists; consuming again"
            logger.warning(message, self._queue)
            self._consume_again()
        else:
            self._owner.on_queue_deleted(self._queue)

    def _consume(self, prefetch: int, done: Callable[[Any], object]) -> None:
        channel = self._channel
        assert channel is not None, "only with a channel"
        tag = self._owner.register(self, channel.channel_number)
        self._tags.append(tag)
        if not self.no_ack:
            channel.basic_qos(prefetch_count=prefetch)
        channel.basic_consume(
            self._queue,
            handled_here,
            auto_ack=self.no_ack,
            exclusive=self.exclusive,
            consumer_tag=tag,
            callback=done,
        )

    def _cancel(self, done: Callable[[None], object]) -> None:
        channel, tags = self._channel, tuple(self._tags)
        self._tags.clear()
        if channel is None or not channel.is_open or not tags:
            done(None)
            return
        missing = set(tags)

        def cancelled(tag: str) -> None:
            self._owner.unregister(tag)
            missing.discard(tag)
            if not missing:
                done(None)

        for tag in tags:
            channel.basic_cancel(tag, callback=lambda _, tag=tag: cancelled(tag))


class Consumer(AnyConsumer):
    """A consumer of one queue, on the channel of its connection.

    Args:
        exclusive: Whether nobody else may consume from the queue.
        no_ack: Whether messages need no acknowledgement.
        prefetch: How many unacknowledged messages the broker may send ahead.
        owner, channel, queue, on_delivery: As of `AnyConsumer`.
    """

    def __init__(
        self,
        owner: ConsumingConnection,
        channel: Channel,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        exclusive: bool,
        no_ack: bool,
        prefetch: int,
    ) -> None:
        super().__init__(owner, channel, queue, on_delivery)
        self.exclusive = exclusive
        self.no_ack = no_ack
        self._prefetch = prefetch

    @property
    def tag(self) -> str:
        """The consumer tag; empty while it does not consume."""
        return next(iter(self._tags), "")

    def start(self, done: Callable[[Any], object] = handled_here) -> None:
        """Ask the broker to send messages; `done` is called when it has answered."""
        self._consume(self._prefetch, done)

    def _consume_again(self) -> None:
        self.start()


class DurableConsumer(AnyConsumer):
    """A consumer of a durable queue, on a separate channel; it can restart with another prefetch count.

    To start with another prefetch count, the channel is closed when everything that came on it is settled. What is
    not settled then comes again, in its place. A message that is returned with basic.nack would not: RabbitMQ 3.10
    puts it behind all others.

    Args:
        on_stopped: Called when no more messages come after `stop`.
        on_restarted: Called when the broker has closed the channel: its deliveries are repeated.
        longest_body: Of a longer body only the beginning is kept.
        owner, queue, on_delivery: As of `AnyConsumer`.
    """

    def __init__(
        self,
        owner: ConsumingConnection,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        on_stopped: Callable[[], object],
        on_restarted: Callable[[], object],
        longest_body: int,
    ) -> None:
        super().__init__(owner, None, queue, on_delivery)
        self.longest_body = longest_body
        self._on_stopped = on_stopped
        self._on_restarted = on_restarted
        self._prefetch = 1
        self._stopping = False

    def start(self, prefetch: int, done: Callable[[Any], object] = handled_here) -> None:
        """Open a channel and ask the broker to send messages; `done` is called when it has answered."""
        self._prefetch = prefetch
        self._stopping = False
        if self._ended:
            done(None)
            return

        def opened(channel: Channel) -> None:
            channel.add_on_close_callback(self._closed)
            self._channel = channel
            self._consume(prefetch, done)

        self._owner.open_channel(opened)

    def add(self, prefetch: int) -> None:
        """Let the broker send more ahead, without an end of what runs."""
        if self._channel is not None and not self._stopping and not self._ended:
            self._consume(prefetch, handled_here)

    def stop(self) -> None:
        """Ask the broker to send no more."""
        if not self._stopping and not self._ended:
            self._stopping = True
            self._cancel(lambda _: None if self._ended else self._on_stopped())

    def restart(self, prefetch: int) -> None:
        """Close the channel, and start again on another one; what is not acknowledged comes again."""
        self._prefetch = prefetch
        channel, self._channel = self._channel, None
        if channel is None or self._ended:
            return
        self._owner.forget_channel(channel.channel_number)
        self._tags.clear()
        if channel.is_open:
            channel.close()

    def _consume_again(self) -> None:
        self._on_restarted()
        self.restart(self._prefetch)

    def _closed(self, channel: Channel, reason: Exception) -> None:
        if isinstance(reason, ChannelClosedByClient) and not self._ended and self._channel is None:
            self._owner.call_later(_RETURN_S, lambda: self.start(self._prefetch))
