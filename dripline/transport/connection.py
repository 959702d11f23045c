"""`Connection`: publish, declare, bind, consume, acknowledge, from any thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from pika.channel import Channel

from dripline.amqp import content as frames
from dripline.amqp.content import Delivery, Returned
from dripline.errors import BrokerError
from dripline.transport.address import BrokerAddress
from dripline.transport.consumer import ConsumingConnection, handled_here
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Envelope


class Connection(ConsumingConnection):
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
        self._catching_up = threading.Lock()  # pika answers one such call at a time
        self._confirm_lock = threading.Lock()
        self._confirm_channel: Channel | None = None

    # -- messages --------------------------------------------------------------------------------------------

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
        data = self._frames(self.prepare_confirms().channel_number, exchange, envelopes, mandatory)

        def write() -> None:
            self._send(data, max(0.0, deadline - time.monotonic()))

        return self._confirms.send_all(write, len(envelopes), timeout_s)

    def prepare_confirms(self) -> Channel:
        """Open the channel with publisher confirms unless it is open; publishing has to wait for that."""
        self.check()
        if self._confirm_channel is not None:
            return self._confirm_channel
        with self._confirm_lock:
            if self._confirm_channel is None:
                channel = self._open_channel(self.address.connect_timeout_s)
                self._ask(lambda done: channel.confirm_delivery(handled_here, callback=done))
                self._confirm_channel = channel
            return self._confirm_channel

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

    def on_returned(self, returned: Returned) -> None:
        """Hand on what could not be routed."""
        if self._on_returned is not None:
            self._on_returned(returned)

    def on_confirm(self, delivery_tag: int, multiple: bool, acknowledged: bool) -> None:
        """Count a publisher confirm."""
        self._confirms.settle(delivery_tag, multiple, acknowledged)

    # -- inside ----------------------------------------------------------------------------------------------

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
