"""pika's connection state machine (tuning, channels, side channels) on the I/O loop.

`pika.connection.Connection` leaves the stream to an adapter; this one gives it a `SocketLoop` and takes the frames
of the hot path for itself before pika sees them.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import pika
from pika import frame, spec
from pika.connection import Connection
from pika.credentials import ExternalCredentials
from pika.exceptions import AMQPHeartbeatTimeout, ChannelClosedByBroker

from dripline.amqp.content import ContentReader, Delivery, Returned, encode_method
from dripline.transport.address import BrokerAddress
from dripline.transport.io_loop import Heartbeat, SocketLoop, Timer

if TYPE_CHECKING:
    from dripline.transport.tls import TlsEngine

# pika logs every failure at length; ours are raised, in one line. Who configures logging still sees pika's.
logging.getLogger("pika").addHandler(logging.NullHandler())

_TLS_ALERT = b"\x15\x03"
_FIRST_SIDE_CHANNEL = 10  # pika counts from 1, and we have two
_LAST_WORDS_S = 1.0  # how long a connection that is being ended may still try to send


class StreamEvents:
    """What a `PikaConnection` tells its owner, all on the I/O thread. Every method does nothing here."""

    def on_open(self) -> None:
        """The broker accepted login and virtual host."""

    def on_closed(self, error: Exception) -> None:
        """The connection is gone, or never came up."""

    def on_delivery(self, delivery: Delivery) -> None:
        """A consumer got a message."""

    def longest_body(self, consumer_tag: str) -> int | None:
        """The length beyond which a consumer wants only the beginning of a body; None for no limit."""
        return None

    def on_returned(self, returned: Returned) -> None:
        """A mandatory message could not be routed."""

    def on_confirm(self, delivery_tag: int, multiple: bool, acknowledged: bool) -> None:
        """The broker has taken, or refused, what was published in confirm mode."""

    def on_blocked(self, reason: str) -> None:
        """The broker takes no messages for now, or does again when the reason is empty."""


def credentials_for(address: BrokerAddress) -> pika.PlainCredentials | ExternalCredentials:
    """What logs in there, as pika has it."""
    if address.by_certificate:
        return ExternalCredentials()
    return pika.PlainCredentials(address.username, address.password)


def parameters_for(address: BrokerAddress, client: str) -> pika.ConnectionParameters:
    """Translate an address into pika's parameters.

    Args:
        address: Broker and login.
        client: What the broker's management shows as this connection's name.
    """
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.virtual_host,
        credentials=credentials_for(address),
        heartbeat=address.heartbeat_s,
        client_properties={"connection_name": client, "product": "dripline"},
    )


class PikaConnection(Connection):
    """A pika connection whose I/O thread is a `SocketLoop`.

    Args:
        parameters: pika's connection parameters.
        events: Who is told what happens.
        sock: A connected socket, which belongs to this connection from now on.
        tls: What encrypts it, if anything does.
    """

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        events: StreamEvents,
        sock: socket.socket,
        tls: TlsEngine | None = None,
    ) -> None:
        self._events = events
        self._side: dict[int, Callable[[ChannelClosedByBroker | None], object]] = {}
        content = ContentReader(
            events.on_delivery,
            events.on_returned,
            events.on_confirm,
            self._on_other_frame,
            max_frame=parameters.frame_max,
            longest_body=events.longest_body,
        )
        self.loop = SocketLoop(sock, content.feed, self._on_loop_closed, tls)
        super().__init__(
            parameters,
            on_open_callback=lambda _connection: events.on_open(),
            on_open_error_callback=lambda *_: None,  # the loop tells of every end, in its own words
            internal_connection_workflow=False,
        )
        self.add_on_connection_blocked_callback(
            lambda _connection, blocked: events.on_blocked(str(blocked.method.reason) or "no reason given")
        )
        self.add_on_connection_unblocked_callback(lambda _connection, _frame: events.on_blocked(""))

    def start(self) -> None:
        """Begin the AMQP conversation, in a thread of its own."""
        self.loop.call_soon(self._on_stream_connected)
        self.loop.start()

    @property
    def has_spoken(self) -> bool:
        """Whether the broker said anything that may be AMQP: a port for TLS hangs up, perhaps after an alert."""
        return self.loop.first_bytes[:2] not in (b"", _TLS_ALERT)

    def _on_other_frame(self, data: bytes) -> None:
        consumed, value = frame.decode_frame(data)
        if value is None or consumed != len(data):
            raise ValueError("a frame that pika cannot read")
        if value.channel_number in self._side:
            self._on_side_frame(value.channel_number, getattr(value, "method", None))
        else:
            self._process_frame(value)

    def try_out(
        self,
        method: object,
        done: Callable[[ChannelClosedByBroker | None], object],
        ahead: Callable[[int], bytes] = lambda _number: b"",
    ) -> None:
        """Call a method that the broker may refuse, on a separate channel: only that channel ends then.

        One round trip; pika, which would log a warning for each refusal, does not see it.

        Args:
            method: A method of `pika.spec` that is answered.
            done: Called once, with the refusal or None.
            ahead: Gives frames that are sent ahead of it and are not answered unless they are refused, by the
                number of the channel.
        """
        number = next(number for number in count(_FIRST_SIDE_CHANNEL) if number not in self._side)
        if number > (self.params.channel_max or 65535):
            done(ChannelClosedByBroker(504, "CHANNEL_ERROR - all channel numbers are in use"))
            return
        data = encode_method(number, spec.Channel.Open()) + ahead(number) + encode_method(number, method)
        self._side[number] = done
        self.loop.send(data)

    def _on_side_frame(self, number: int, method: object) -> None:
        if isinstance(method, spec.Channel.Close):
            self.loop.send(encode_method(number, spec.Channel.CloseOk()))
            self._side.pop(number)(ChannelClosedByBroker(method.reply_code, method.reply_text))
        elif isinstance(method, spec.Channel.CloseOk):
            del self._side[number]  # the number can be used again
        elif not isinstance(method, spec.Channel.OpenOk):
            self.loop.send(encode_method(number, spec.Channel.Close(200, "", 0, 0)))
            self._side[number](None)

    def _on_loop_closed(self, error: Exception | None) -> None:
        reason = self._error or error or ConnectionError("the connection is closed")
        try:
            self._on_stream_terminated(reason)
        finally:
            self._events.on_closed(reason)

    def _create_heartbeat_checker(self) -> Heartbeat | None:
        interval_s = self.params.heartbeat
        return Heartbeat(interval_s, self.loop, self._give_up) if interval_s else None

    def _give_up(self, reason: str) -> None:
        self._terminate_stream(AMQPHeartbeatTimeout(reason))
        self.loop.abort()  # nobody takes what may still be waiting

    # -- what pika asks of an adapter ------------------------------------------------------------------------

    def _adapter_emit_data(self, data: bytes) -> None:
        self.loop.send(data)

    def _adapter_call_later(self, delay: float, callback: Callable[..., Any]) -> object:
        return self.loop.call_later(delay, callback)

    def _adapter_remove_timeout(self, timeout_id: object) -> None:
        if isinstance(timeout_id, Timer):
            self.loop.cancel(timeout_id)

    def _adapter_add_callback_threadsafe(self, callback: Callable[..., Any]) -> None:
        self.loop.call_soon(callback)

    def _adapter_connect_stream(self) -> None:
        raise RuntimeError("the socket is opened before the connection: use start()")

    def _adapter_disconnect_stream(self) -> None:
        self.loop.end()
        self.loop.call_later(_LAST_WORDS_S, self.loop.abort)
