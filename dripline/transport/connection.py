"""One connection to a broker, with calls that any thread may make."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pika.channel import Channel

from dripline.amqp import content as frames
from dripline.amqp.content import Delivery, Returned
from dripline.errors import BrokerError
from dripline.transport.address import BrokerAddress
from dripline.transport.consumer import AnyConsumer, Consumer, handled_here, passive_declaration
from dripline.transport.durable_consumer import DurableConsumer
from dripline.transport.future import OneShotFuture
from dripline.transport.topology import Topology
from dripline.wire.encode import Envelope

_numbers = itertools.count(1)


class Connection(Topology):
    """A connection that lives once: open it, use it, and make another one when it is lost.

    Requests, replies and acknowledgements travel on one channel; what must be confirmed has a second one, opened
    when it is first needed. A channel that the broker closes ends the whole connection: queues and consumers would
    be in doubt.

    Args:
        address: Broker and login.
        client: Name under which the broker's management lists the connection.
        on_lost: Called once, on the I/O thread, when an open connection ends unasked.
        on_returned: Called on the I/O thread with each mandatory message that nobody is bound for.
        confirm_window: How many published messages may be unconfirmed at a time.

    Attributes:
        address: Broker and login.
        blocked: Why the broker takes no messages for now (it is short of memory or disk); empty when it does.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client: str = "dripline",
        on_lost: Callable[[BrokerError], None] | None = None,
        on_returned: Callable[[Returned], None] | None = None,
        confirm_window: int = 4000,
    ) -> None:
        super().__init__(address, client, on_lost, confirm_window)
        self._on_returned = on_returned
        self._tags = f"dl.{next(_numbers)}."  # how the consumer tags of this connection begin
        self._consumers: dict[str, AnyConsumer] = {}
        self._acked_consumers: list[AnyConsumer] = []
        self._channel_numbers: dict[str, int] = {}  # by consumer tag, as long as deliveries can be acknowledged
        self._next_tag = itertools.count(1).__next__
        self._listening = True
        self._catching_up = threading.Lock()  # pika answers one such call at a time
        self._confirm_lock = threading.Lock()
        self._confirm_channel: Channel | None = None

    # -- consumers -------------------------------------------------------------------------------------------

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

    def catch_up(self) -> None:
        """Wait until the broker has done all that was asked without waiting, such as bindings; one round trip.

        What follows on a separate channel could overtake it otherwise.

        Raises:
            ConnectionLost: The connection is gone, or the broker did not answer in time.
        """
        channel = self._ready()
        with self._catching_up:
            self._ask(lambda done: channel.flow(True, done))  # changes nothing, and is answered in its turn

    def on_io_thread(self, action: Callable[[], object]) -> None:
        """Run something quick on the I/O thread, soon; nothing happens if the connection has ended."""
        if self.is_open:
            self._post(action)

    @property
    def is_listening(self) -> bool:
        """Whether it is open and its consumers were not ended."""
        return self._listening and self.is_open

    # -- messages --------------------------------------------------------------------------------------------

    def publish(
        self,
        exchange: str,
        envelopes: Sequence[Envelope],
        *,
        mandatory: bool = True,
        ack: Delivery | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Publish without a confirm, straight from the calling thread.

        Args:
            exchange: Exchange.
            envelopes: The chunks of one message, in order.
            mandatory: Whether what cannot be routed comes back to ``on_returned``.
            ack: A delivery that is acknowledged in the same write, if it is one of this connection.
            timeout_s: Longest wait for a broker that takes no data.

        Raises:
            ConnectionLost: The connection is gone.
            TimeoutError: The broker took no data; nothing was sent but the acknowledgement.
        """
        self.check()
        data = self._frames(self._number, exchange, envelopes, mandatory)
        if ack is not None and ack.consumer_tag in self._channel_numbers:
            data += frames.ack_frame(self._channel_numbers[ack.consumer_tag], ack.delivery_tag)
        try:
            self._send(data, timeout_s)
        except TimeoutError:
            if ack is not None:
                self.ack(ack)
            raise

    def publish_confirmed(
        self,
        exchange: str,
        envelopes: Sequence[Envelope],
        *,
        mandatory: bool = False,
        timeout_s: float = 30.0,
    ) -> list[OneShotFuture[bool]]:
        """Publish with publisher confirms, all in one write.

        Args:
            exchange: Exchange.
            envelopes: The chunks of any number of messages, in order.
            mandatory: Whether what cannot be routed comes back to ``on_returned``.
            timeout_s: Maximum wait for room: for earlier confirms and for a broker that takes no data together.

        Returns:
            One slot for each chunk; True in it means that the broker has the chunk.

        Raises:
            ConnectionLost: The connection is gone.
            TimeoutError: The broker confirmed nothing, or took no data, for so long that no more may be sent;
                nothing was sent.
            DriplineError: A chunk cannot be sent to any broker; nothing was sent.
        """
        deadline = time.monotonic() + timeout_s
        data = self._frames(self._confirming().channel_number, exchange, envelopes, mandatory)

        def write() -> None:
            self._send(data, max(0.0, deadline - time.monotonic()))

        return self._confirms.send_all(write, len(envelopes), timeout_s)

    def prepare_confirms(self) -> None:
        """Open the channel with publisher confirms now, so that publishing does not have to wait for that."""
        self._confirming()

    def wait_for_confirms(self, timeout_s: float) -> bool:
        """Wait until the broker has everything that was published with confirms."""
        return self._confirms.wait_empty(timeout_s)

    def ack(self, *deliveries: Delivery) -> None:
        """Acknowledge deliveries in one write; does nothing when their connection is gone (the broker knows)."""
        self._settle(frames.ack_frame, deliveries)

    def can_settle(self, delivery: Delivery) -> bool:
        """Whether a delivery can still be acknowledged; if not, the broker delivers it again."""
        return self.is_open and delivery.consumer_tag in self._channel_numbers

    def give_back(self, *deliveries: Delivery) -> None:
        """Return deliveries to their queues (basic.nack with requeue), to be delivered again."""
        self._settle(frames.nack_frame, deliveries)

    # -- events, on the I/O thread -----------------------------------------------------------------------------

    def on_delivery(self, delivery: Delivery) -> None:
        """Hand a delivery to its consumer."""
        consumer = self._consumers.get(delivery.consumer_tag)
        if consumer is not None:
            consumer.on_delivery(delivery)

    def longest_body(self, consumer_tag: str) -> int | None:
        """Give the length beyond which only the beginning of a body is kept; None if a consumer has no limit."""
        consumer = self._consumers.get(consumer_tag)
        return None if consumer is None else consumer.longest_body

    def on_returned(self, returned: Returned) -> None:
        """Hand on what could not be routed."""
        if self._on_returned is not None:
            self._on_returned(returned)

    def on_confirm(self, delivery_tag: int, multiple: bool, acknowledged: bool) -> None:
        """Count a publisher confirm."""
        self._confirms.settle(delivery_tag, multiple, acknowledged)

    # -- for consumers, on the I/O thread ----------------------------------------------------------------------

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

    def open_channel(self, on_open: Callable[[Channel], object]) -> None:
        """Open another channel."""
        channel = self._adapter.channel(on_open_callback=on_open)
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_cancel_callback(self._on_consumer_cancelled)

    def queue_exists(self, queue: str, done: Callable[[bool], None]) -> None:
        """Find out whether there is a queue, without risk for the channel."""
        self._adapter.try_out(passive_declaration(queue), lambda refusal: done(refusal is None))

    # -- inside ----------------------------------------------------------------------------------------------

    def _confirming(self) -> Channel:
        self.check()
        if self._confirm_channel is not None:
            return self._confirm_channel
        with self._confirm_lock:
            if self._confirm_channel is None:
                channel = self._open_channel(self._adapter, self.address.connect_timeout_s)
                self._ask(lambda done: channel.confirm_delivery(handled_here, callback=done))
                self._confirm_channel = channel
            return self._confirm_channel

    def _on_consumer_cancelled(self, frame: Any) -> None:
        tag = str(frame.method.consumer_tag)
        if tag in self._consumers:
            self._consumers[tag].cancelled_by_broker(tag)

    def _settle(self, frame: Callable[[int, int], bytes], deliveries: Sequence[Delivery]) -> None:
        numbers = self._channel_numbers
        data = [
            frame(number, delivery.delivery_tag)
            for delivery in deliveries
            if (number := numbers.get(delivery.consumer_tag)) is not None
        ]
        if self.is_open and data:
            with contextlib.suppress(BrokerError):
                self._send(b"".join(data))
