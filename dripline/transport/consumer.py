"""A consumer that can be paused, resumed and renewed, and that survives being cancelled by the broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from pika import spec
from pika.channel import Channel

from dripline.transport.content import Delivery

logger = logging.getLogger(__name__)


class ConsumerOwner(Protocol):
    """What a consumer needs of its connection."""

    def register(self, consumer: Consumer) -> str:
        """Choose a consumer tag and hand the deliveries for it to this consumer."""

    def unregister(self, tag: str) -> None:
        """Forget a consumer tag that gets no more deliveries."""

    def queue_exists(self, queue: str, done: Callable[[bool], None]) -> None:
        """Find out whether there is a queue, without risk for the channel."""

    def on_queue_deleted(self, queue: str) -> None:
        """React to the deletion of a queue that had a consumer."""


class Consumer:
    """A consumer of one queue; all methods are for the I/O thread.

    `pause`, `resume` and `renew` say what is wanted and can be called at any time. One method at a time is sent to
    the broker; when it has answered, whatever is missing by then follows.

    Args:
        owner: The connection.
        channel: Its channel.
        queue: The queue.
        on_delivery: Called with each delivery.
        exclusive: Whether nobody else may consume from the queue.
        no_ack: Whether messages need no acknowledgement.
        prefetch: How many unacknowledged messages the broker may send ahead.
        on_started: Called before the broker is asked to send; deliveries from then on count for a new prefetch.
        longest_body: Of a longer body only the beginning is kept; None: there is no such limit.

    Attributes:
        tag: The consumer tag; empty while the broker sends nothing.
    """

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
        on_started: Callable[[], None] | None = None,
        longest_body: int | None = None,
    ) -> None:
        self.queue = queue
        self.on_delivery = on_delivery
        self.no_ack = no_ack
        self.longest_body = longest_body
        self.tag = ""
        self._owner = owner
        self._channel = channel
        self._exclusive = exclusive
        self._prefetch = prefetch
        self._on_started = on_started
        self._wanted = self._renewing = self._busy = False
        self._waiting: list[Callable[[None], object]] = []

    def resume(self, prefetch: int | None = None, done: Callable[[None], object] | None = None) -> None:
        """Receive messages, with this prefetch count unless the consumer is running already.

        Args:
            prefetch: The prefetch count; the one used last if None.
            done: Called when the broker has done everything that is wanted.
        """
        self._wanted = True
        self._prefetch = prefetch or self._prefetch
        self._go_on(done)

    def pause(self, done: Callable[[None], object] | None = None) -> None:
        """Receive no more messages; those under way still come, and all can still be acknowledged."""
        self._wanted = False
        self._go_on(done)

    def renew(self, prefetch: int) -> None:
        """Start afresh: what is unacknowledged by now no longer counts against the prefetch count."""
        self._renewing = self._wanted
        self._prefetch = prefetch
        self._go_on()

    def cancelled_by_broker(self) -> None:
        """Consume again if the queue is still there: a consumer timeout cancels only the consumer."""
        if self._busy:
            return  # our own cancellation crosses that of the broker; the answer to it is on its way
        self._forget()
        self._busy = True
        self._owner.queue_exists(self.queue, self._after_cancellation)

    # -- inside ----------------------------------------------------------------------------------------------

    def _go_on(self, done: Callable[[None], object] | None = None) -> None:
        if done is not None:
            self._waiting.append(done)
        if self._busy:
            return
        if self.tag and (self._renewing or not self._wanted):
            self._busy = True
            self._channel.basic_cancel(self.tag, callback=self._cancelled)
        elif self._wanted and not self.tag:
            self._consume()
        else:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call(None)

    def _consume(self) -> None:
        self._busy, self._renewing = True, False
        self.tag = self._owner.register(self)
        if self._on_started is not None:
            self._on_started()
        if not self.no_ack:
            self._channel.basic_qos(prefetch_count=self._prefetch)
        self._channel.basic_consume(
            self.queue,
            _handled_here,
            auto_ack=self.no_ack,
            exclusive=self._exclusive,
            consumer_tag=self.tag,
            callback=self._answered,
        )

    def _cancelled(self, _frame: object) -> None:
        self._forget()
        self._answered()

    def _answered(self, _frame: object = None) -> None:
        self._busy = False
        self._go_on()

    def _after_cancellation(self, exists: bool) -> None:
        if not exists:
            self._owner.on_queue_deleted(self.queue)
            return
        logger.warning(
            "the broker cancelled the consumer of queue %r, which still exists; consuming again", self.queue
        )
        self._answered()

    def _forget(self) -> None:
        self._owner.unregister(self.tag)
        self.tag = ""


def passive_declaration(queue: str) -> spec.Queue.Declare:
    """Build the method that asks whether a queue exists."""
    return spec.Queue.Declare(0, queue, passive=True)


def _handled_here(*_arguments: Any) -> None:
    """Do nothing: pika never sees deliveries, they are read before."""
