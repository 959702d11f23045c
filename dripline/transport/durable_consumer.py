"""A consumer of a durable queue, which can be stopped and started with another prefetch count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pika.channel import Channel
from pika.exceptions import ChannelClosedByClient

from dripline.amqp.content import Delivery
from dripline.transport.consumer import ConsumerOwner, handled_here, warn_of_cancellation

# A channel that was closed returns its messages a moment after the answer; they are to come before newer ones.
_RETURN_S = 0.05


class DurableConsumer:
    """Consumes one queue, on a channel of its own; all methods are for the I/O thread.

    To start with another prefetch count, the channel is closed when everything that came on it is settled. What is
    not settled then comes again, in its place. A message that is returned with basic.nack would not: RabbitMQ 3.10
    puts it behind all others.

    Args:
        owner: The connection.
        queue: The queue.
        on_delivery: Called with each delivery.
        on_stopped: Called when no more messages come after `stop`.
        on_restarted: Called when the broker has closed the channel: its deliveries are repeated.
        longest_body: Of a longer body only the beginning is kept.
    """

    no_ack = False

    def __init__(
        self,
        owner: ConsumerOwner,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        on_stopped: Callable[[], object],
        on_restarted: Callable[[], object],
        longest_body: int,
    ) -> None:
        self.on_delivery = on_delivery  # type: ignore[method-assign,assignment]  # one call less a message
        self.longest_body: int | None = longest_body
        self._owner = owner
        self._queue = queue
        self._on_stopped = on_stopped
        self._on_restarted = on_restarted
        self._channel: Channel | None = None
        self._prefetch = 1
        self._tags: list[str] = []
        self._ended = self._stopping = False

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a delivery; each consumer has the function it was given."""

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

    def end(self, done: Callable[[None], object]) -> None:
        """Receive no more messages; `done` is called when the broker has answered."""
        self._ended = True
        self._cancel(done)

    def cancelled_by_broker(self, tag: str) -> None:
        """Consume again if the queue is still there: a consumer timeout cancels only the consumer."""
        if tag in self._tags:
            self._tags.remove(tag)
            self._owner.unregister(tag)
            self._owner.queue_exists(self._queue, self._again)

    # -- inside ----------------------------------------------------------------------------------------------

    def _consume(self, prefetch: int, done: Callable[[Any], object]) -> None:
        channel = self._channel
        assert channel is not None, "only with a channel"
        tag = self._owner.register(self, channel.channel_number)
        self._tags.append(tag)
        channel.basic_qos(prefetch_count=prefetch)
        channel.basic_consume(self._queue, handled_here, consumer_tag=tag, callback=done)

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

    def _again(self, exists: bool) -> None:
        if self._ended:
            return
        if not exists:
            self._owner.on_queue_deleted(self._queue)
            return
        warn_of_cancellation(self._queue)
        self._on_restarted()
        self.restart(self._prefetch)

    def _closed(self, channel: Channel, reason: Exception) -> None:
        if isinstance(reason, ChannelClosedByClient) and not self._ended and self._channel is None:
            self._owner.call_later(_RETURN_S, lambda: self.start(self._prefetch))
