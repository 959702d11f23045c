"""One connection to a broker, with calls that any thread may make."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pika import spec
from pika.channel import Channel

from dripline.transport import frames
from dripline.transport.address import BrokerAddress
from dripline.transport.content import Delivery, Returned
from dripline.transport.life import ConnectionLife
from dripline.transport.slot import Slot
from dripline.wire.codec import Envelope
from dripline.wire.errors import BrokerError, DriplineError
from dripline.wire.table import short_string

_tags = itertools.count(1)
_HEADER_OVERHEAD = 20  # of the frame that carries the properties


class Connection(ConnectionLife):
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
        self._consumers: dict[str, Callable[[Delivery], None]] = {}
        self._acked_consumers: list[str] = []
        self._confirm_lock = threading.Lock()
        self._confirm_channel: Channel | None = None

    # -- topology --------------------------------------------------------------------------------------------

    def declare_exchanges(self, names: Sequence[str]) -> None:
        """Declare topic exchanges as a mesh has them.

        Raises:
            BrokerError: There is an exchange of that name and another kind, or the user must not declare any.
        """
        channel = self._ready()

        def start(done: Callable[[Any], None]) -> None:
            for name in names[:-1]:
                channel.exchange_declare(name, "topic")
            channel.exchange_declare(names[-1], "topic", callback=done)

        self._ask(start)

    def declare_durable_exchange(self, name: str, source: str) -> None:
        """Declare a topic exchange that outlives restarts of the broker, bound to all of another one.

        Raises:
            BrokerError: There is an exchange of that name and another kind, or the user must not declare any.
            DriplineError: The name is longer than AMQP allows.
        """
        channel = self._ready()
        short_string(name)

        def start(done: Callable[[Any], None]) -> None:
            channel.exchange_declare(name, "topic", durable=True)
            channel.exchange_bind(name, source, "#", callback=done)

        self._ask(start)

    def bind_exchange_again(self, name: str, source: str) -> bool:
        """Bind an exchange to all of another one, if there are such exchanges and the user may; one round trip.

        Returns:
            Whether that was done.
        """
        if len(name.encode()) > 255:
            return False  # there can be none
        return self._try_out(spec.Exchange.Bind(0, name, source, "#", False, {}))

    def has_exchange(self, name: str) -> bool:
        """Whether an exchange exists; one round trip, which changes nothing."""
        return self._try_out(spec.Exchange.Declare(0, name, "topic", True, False, False, False, False, {}))

    def watch_exchange(self, name: str, watched: str) -> bool:
        """Declare an exchange that the broker deletes along with another one, even if that is declared again.

        It is an auto-delete exchange whose only binding leads to the other one; nothing is published to it.

        Args:
            name: Its name.
            watched: The other one.

        Returns:
            Whether that could be done: the user may not be allowed to.
        """
        if len(name.encode()) > 255:
            return False
        declare = spec.Exchange.Declare(0, name, "topic", False, False, True, False, False, {})
        return self._try_out(declare) and self._try_out(spec.Exchange.Bind(0, watched, name, "none", False, {}))

    def drop_exchange(self, name: str) -> None:
        """Delete an exchange without waiting; does nothing when the connection is gone."""
        channel = self._channel
        if self.is_open and channel is not None:
            self._post(lambda: channel.is_open and channel.exchange_delete(name))

    def declare_queue(self, name: str = "", *, exclusive: bool = True, auto_delete: bool = True) -> str:
        """Declare a queue.

        Args:
            name: Its name; empty lets the broker choose one.
            exclusive: Whether it belongs to this connection alone and dies with it.
            auto_delete: Whether it goes with its last consumer.

        Returns:
            The queue's name.

        Raises:
            NameTaken: Another connection owns that name.
            DriplineError: The name is longer than AMQP allows.
        """
        channel = self._ready()
        short_string(name)
        answer = self._ask(
            lambda done: channel.queue_declare(name, exclusive=exclusive, auto_delete=auto_delete, callback=done)
        )
        return str(answer.method.queue)

    def declare_durable_queue(self, name: str) -> None:
        """Declare a queue that outlives connections and restarts of the broker, and collects meanwhile.

        A quorum queue where the broker has them: it keeps also messages that are not marked as persistent, as
        those of a mesh are not.

        Raises:
            BrokerError: There is a queue of that name and another kind.
        """
        channel = self._ready()
        short_string(name)
        kind = {"x-queue-type": "quorum"}
        self._ask(lambda done: channel.queue_declare(name, durable=True, arguments=kind, callback=done))

    def bind(self, queue: str, exchange: str, keys: Sequence[str]) -> None:
        """Bind a queue with many keys in one write; a later call that waits also waits for these."""
        self.check()
        names = short_string(queue), short_string(exchange)
        self._send(b"".join(frames.bind_frame(self._number, *names, key) for key in keys), timeout_s=30.0)

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Take a binding away; returns when the broker has done it."""
        channel = self._ready()
        self._ask(lambda done: channel.queue_unbind(queue, exchange, key, callback=done))

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
        channel = self._ready()
        tag = f"dl.{next(_tags)}"
        self._consumers[tag] = on_delivery

        def start(done: Callable[[Any], None]) -> None:
            if not no_ack:
                channel.basic_qos(prefetch_count=prefetch)
            channel.basic_consume(
                queue, _handled_here, auto_ack=no_ack, exclusive=exclusive, consumer_tag=tag, callback=done
            )

        self._ask(start)
        if not no_ack:
            self._acked_consumers.append(tag)
        return tag

    def cancel_consumers(self, timeout_s: float = 30.0) -> None:
        """End the consumers whose messages are acknowledged; returns when no more messages come to them.

        An auto-delete queue is gone then, so that requests to it fail at once instead of being lost.

        Args:
            timeout_s: Maximum wait for the broker, for all of them.

        Raises:
            ConnectionLost: The connection is gone, or the broker did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while self._acked_consumers:
            tag, channel = self._acked_consumers.pop(), self._ready()
            self._ask(partial(_cancel, channel, tag), max(0.0, deadline - time.monotonic()))

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
        if ack is not None and ack.consumer_tag in self._consumers:
            data += frames.ack_frame(self._number, ack.delivery_tag)
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
    ) -> list[Slot[bool]]:
        """Publish with publisher confirms, all in one write.

        Args:
            exchange: Exchange.
            envelopes: The chunks of any number of messages, in order.
            mandatory: Whether what cannot be routed comes back to ``on_returned``.
            timeout_s: Maximum wait for room: for earlier confirms, then for a broker that takes no data.

        Returns:
            One slot for each chunk; True in it means that the broker has the chunk.

        Raises:
            ConnectionLost: The connection is gone.
            TimeoutError: The broker confirmed nothing, or took no data, for so long that no more may be sent;
                nothing was sent.
            DriplineError: A chunk cannot be sent to any broker; nothing was sent.
        """
        data = self._frames(self._confirming().channel_number, exchange, envelopes, mandatory)
        return self._confirms.send_all(partial(self._send, data, timeout_s), len(envelopes), timeout_s)

    def prepare_confirms(self) -> None:
        """Open the channel with publisher confirms now, so that publishing does not have to wait for that."""
        self._confirming()

    def wait_for_confirms(self, timeout_s: float) -> bool:
        """Wait until the broker has everything that was published with confirms."""
        return self._confirms.wait_empty(timeout_s)

    def ack(self, *deliveries: Delivery) -> None:
        """Acknowledge deliveries in one write; does nothing when their connection is gone (the broker knows)."""
        own = [delivery for delivery in deliveries if delivery.consumer_tag in self._consumers]
        if self.is_open and own:
            try:
                self._send(b"".join(frames.ack_frame(self._number, delivery.delivery_tag) for delivery in own))
            except BrokerError:
                return

    # -- events, on the I/O thread -----------------------------------------------------------------------------

    def on_delivery(self, delivery: Delivery) -> None:
        """Hand a delivery to its consumer."""
        consumer = self._consumers.get(delivery.consumer_tag)
        if consumer is not None:
            consumer(delivery)

    def on_returned(self, returned: Returned) -> None:
        """Hand on what could not be routed."""
        if self._on_returned is not None:
            self._on_returned(returned)

    def on_confirm(self, delivery_tag: int, multiple: bool, acknowledged: bool) -> None:
        """Count a publisher confirm."""
        self._confirms.settle(delivery_tag, multiple, acknowledged)

    # -- inside ----------------------------------------------------------------------------------------------

    def _try_out(self, method: object) -> bool:
        self.check()
        pika = self._pika
        assert pika is not None, "an opened connection has one"
        return bool(self._ask(lambda done: pika.try_out(method, done)))

    def _confirming(self) -> Channel:
        self.check()
        if self._confirm_channel is not None:
            return self._confirm_channel
        with self._confirm_lock:
            if self._confirm_channel is None:
                assert self._pika is not None, "an opened connection has one"
                channel = self._open_channel(self._pika, self.address.connect_timeout_s)
                self._ask(lambda done: channel.confirm_delivery(_handled_here, callback=done))
                self._confirm_channel = channel
            return self._confirm_channel

    def _frames(self, channel: int, exchange: str, envelopes: Sequence[Envelope], mandatory: bool) -> bytes:
        name, frame_max = short_string(exchange), self._frame_max
        for _, properties, _ in envelopes:
            if len(properties) > frame_max - _HEADER_OVERHEAD:
                size = len(properties)
                raise DriplineError(f"message properties of {size} bytes: they have to fit into {frame_max} bytes")
        built = [
            frames.publish_frames(channel, name, key, properties, body, mandatory=mandatory, frame_max=frame_max)
            for key, properties, body in envelopes
        ]
        return built[0] if len(built) == 1 else b"".join(built)


def _cancel(channel: Channel, tag: str, done: Callable[[Any], None]) -> None:
    channel.basic_cancel(tag, callback=done)


def _handled_here(*_arguments: object) -> None:
    """Stand in for callbacks that pika never calls: deliveries and confirms are read before it sees them."""
