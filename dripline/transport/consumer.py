"""A consumer that survives being cancelled by the broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from pika import spec
from pika.channel import Channel

from dripline.amqp.content import Delivery

logger = logging.getLogger("dripline.connection")


class AnyConsumer(Protocol):
    """What a connection needs of its consumers."""

    no_ack: bool
    longest_body: int | None

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a delivery."""

    def end(self, done: Callable[[None], object]) -> None:
        """Receive no more messages; `done` is called when the broker has answered."""

    def cancelled_by_broker(self, tag: str) -> None:
        """React to the broker's end of a consumer."""


class ConsumerOwner(Protocol):
    """What a consumer needs of its connection."""

    def register(self, consumer: AnyConsumer, channel_number: int) -> str:
        """Choose a consumer tag and hand the deliveries for it to this consumer."""

    def unregister(self, tag: str) -> None:
        """Forget a consumer tag that gets no more deliveries; those it has got can still be acknowledged."""

    def forget_channel(self, channel_number: int) -> None:
        """Forget a channel that is closed; deliveries on it can no longer be acknowledged."""

    def open_channel(self, on_open: Callable[[Channel], object]) -> None:
        """Open another channel."""

    def queue_exists(self, queue: str, done: Callable[[bool], None]) -> None:
        """Find out whether there is a queue, without risk for the channel."""

    def on_queue_deleted(self, queue: str) -> None:
        """React to the deletion of a queue that had a consumer."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Run something on the I/O thread after a while."""


class Consumer:
    """A consumer of one queue, on the channel of its connection; all methods are for the I/O thread.

    Args:
        owner: The connection.
        channel: Its channel.
        queue: The queue.
        on_delivery: Called with each delivery.
        exclusive: Whether nobody else may consume from the queue.
        no_ack: Whether messages need no acknowledgement.
        prefetch: How many unacknowledged messages the broker may send ahead.

    Attributes:
        tag: The consumer tag.
    """

    longest_body: int | None = None

    def __init__(
        self,
        owner: ConsumerOwner,
        channel: Channel,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        exclusive: bool = True,
        no_ack: bool = False,
        prefetch: int = 100,
    ) -> None:
        self.on_delivery = on_delivery  # type: ignore[method-assign,assignment]  # one call less a message
        self.no_ack = no_ack
        self.tag = ""
        self._queue = queue
        self._owner = owner
        self._channel = channel
        self._exclusive = exclusive
        self._prefetch = prefetch
        self._ended = False

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a delivery; each consumer has the function it was given."""

    def start(self, done: Callable[[Any], object] | None = None) -> None:
        """Ask the broker to send messages; `done` is called when it has answered."""
        if self._ended:
            return
        self.tag = self._owner.register(self, self._channel.channel_number)
        if not self.no_ack:
            self._channel.basic_qos(prefetch_count=self._prefetch)
        self._channel.basic_consume(
            self._queue,
            handled_here,
            auto_ack=self.no_ack,
            exclusive=self._exclusive,
            consumer_tag=self.tag,
            callback=done or handled_here,
        )

    def end(self, done: Callable[[None], object]) -> None:
        """Receive no more messages; `done` is called when the broker has answered."""
        self._ended = True
        if not self.tag:
            done(None)
            return

        def cancelled(_frame: object) -> None:
            self._owner.unregister(self.tag)
            done(None)

        self._channel.basic_cancel(self.tag, callback=cancelled)

    def cancelled_by_broker(self, tag: str) -> None:
        """Consume again if the queue is still there."""
        if self._ended or tag != self.tag:
            return  # our own cancellation crosses that of the broker; the answer to it is on its way
        self._owner.unregister(tag)
        self.tag = ""
        self._owner.queue_exists(self._queue, self._again)

    def _again(self, exists: bool) -> None:
        if exists:
            warn_of_cancellation(self._queue)
            self.start()
        else:
            self._owner.on_queue_deleted(self._queue)


def warn_of_cancellation(queue: str) -> None:
    """Log that the broker ended a consumer, as RabbitMQ 4.3 does at a consumer timeout."""
    logger.warning("the broker cancelled the consumer of queue %r, which still exists; consuming again", queue)


def passive_declaration(queue: str) -> spec.Queue.Declare:
    """Build the method that asks whether a queue exists."""
    return spec.Queue.Declare(0, queue, passive=True)


def handled_here(*_arguments: Any) -> None:
    """Do nothing: pika never sees deliveries, they are read before."""
