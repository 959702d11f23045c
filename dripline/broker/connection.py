"""One client connection: dispatches incoming frames, sends replies, cleans up at the end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Final

import pika.spec

from dripline.amqp.content import BODY, HEADER, HEARTBEAT, HEARTBEAT_FRAME, METHOD, Frame, encode_method
from dripline.broker.channel import Channel
from dripline.broker.compatibility import FRAME_MAX
from dripline.broker.errors import ChannelFault, ConnectionFault, Fault
from dripline.broker.frames import (
    CHANNEL_CLASS,
    PUBLISH,
    decode_method,
    describe_frame,
    method_index,
    unknown_frame,
)
from dripline.broker.handshake import Handshake, LoginRefused
from dripline.broker.listening import common_name
from dripline.broker.methods import handle_method
from dripline.broker.state import Peer, State
from dripline.broker.stream import HELLO, PROTOCOL_HEADER, FrameReader, Heartbeat, WriteBuffer

logger = logging.getLogger("dripline.broker")

_HANDSHAKE_TIMEOUT_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 2.0


class Connection(Peer, asyncio.Protocol):
    """The server's side of one AMQP connection."""

    transport: asyncio.Transport

    def __init__(self, state: State[Connection]) -> None:
        super().__init__(state)
        self.channels: dict[int, Channel] = {}
        self.heartbeat = Heartbeat(state.loop, self._send_heartbeat, self._on_silence)
        self._peer = "?"
        self._reader = FrameReader(FRAME_MAX)
        self._handshake: Handshake | None = Handshake(self)
        self._unhandled: deque[Frame] = deque()
        self._alarm = state.alarm
        self._paused = False  # requests wait until the client has read its answers
        self._blocked = False  # requests wait until the alarm is over
        self._closing = False  # our connection.close is out: only its answer counts
        self._over = False  # nothing is read any more
        self._closing_channels: set[int] = set()  # our channel.close is out
        self._deadline: asyncio.TimerHandle | None = None

    # -- events of the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.certified_name = common_name(transport)
        self.vhost = self.state.vhost  # not before: while TLS was agreed on it may have become another
        self._write_buffer = WriteBuffer(transport, self.heartbeat, self.state.to_flush)
        self.send = self._write_buffer.send
        self.confirm_later = self._write_buffer.confirm_later
        self._peer = "{}:{}".format(*transport.get_extra_info("peername", ("?", "?"))[:2])
        self.state.connections.add(self)
        if not self.state.listening:
            self._over = True
            transport.abort()
            return
        self._deadline = self.state.loop.call_later(_HANDSHAKE_TIMEOUT_S, self._on_handshake_timeout)
        self.state.hooks.on_connected(self)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self.heartbeat.heard = True
        if self._over:
            return
        self._unhandled.extend(self._reader.feed(data))
        self._handle_frames()
        self.state.flush()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.congested = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.congested = False
        for channel in tuple(self.channels.values()):
            channel.wake_consumers()
        if self._paused:
            self._paused = False
            self._read_on()
        self.state.flush()

    def on_alarm(self) -> None:
        """The broker takes no messages for now, or does again."""
        reason = self._alarm.reason
        if self._over or self._closing or bool(reason) == self._blocked or (reason and not self.publishes):
            return
        self._blocked = self.heartbeat.deaf = bool(reason)
        if self.wants_blocked_notifications:
            spec = pika.spec.Connection
            self.send(encode_method(0, spec.Blocked(reason) if reason else spec.Unblocked()))
        if reason:
            self.transport.pause_reading()
        else:
            self._read_on()

    def speak_through(self, transport: asyncio.Transport) -> None:
        """Write to something else than the socket from now on: a fault between the two."""
        self.transport = transport
        self._write_buffer.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        logger.debug("client %s is gone", self._peer)
        self._over = True
        self._set_deadline(None)
        self.state.connections.discard(self)
        self._end_session()
        self.state.flush()

    # -- input

    def _read_on(self) -> None:
        if not self._paused and not self._blocked:
            self.transport.resume_reading()
            self._handle_frames()

    def _handle_frames(self) -> None:
        frames = self._unhandled
        while frames and not self._over and not self._blocked:
            try:
                self._handle(*frames.popleft())
            except ConnectionFault as fault:
                self._fail(fault)
            except Exception:
                logger.exception("internal error on the connection of %s", self._peer)
                self._fail(ConnectionFault(541, "the broker made a mistake"))
            if self.congested and not self._over and self._write_buffer.is_flooded():
                self._paused = True
                self.transport.pause_reading()
                return
            if self._alarm.reason and self.publishes:
                self.on_alarm()
        if self._reader.fault is not None:
            self._fail(self._reader.fault)
            self._over = True  # not even an answer could be understood

    def _handle(self, kind: int, number: int, payload: bytes) -> None:
        channel = self.channels.get(number)
        if channel is None:
            self._on_frame_without_channel(kind, number, payload)
            return
        try:
            if kind == BODY:
                channel.on_body(payload)
            elif kind == HEADER:
                channel.on_header(payload)
            elif kind == METHOD:
                self._on_method(channel, payload)
            else:
                self._on_odd_frame(kind, number, payload)
        except ChannelFault as fault:
            self.close_channel(channel, fault)

    def _on_method(self, channel: Channel, payload: bytes) -> None:
        if channel.in_content or payload.startswith(PUBLISH):
            channel.on_publish(payload)
        elif not payload.startswith(CHANNEL_CLASS) or not self._on_channel_method(channel.number, payload):
            handle_method(channel, payload)

    def _on_frame_without_channel(self, kind: int, number: int, payload: bytes) -> None:
        if self._closing:
            if kind == METHOD and not number:
                self._on_connection_method(decode_method(payload))
        elif kind == HELLO:
            self._on_hello(payload)
        elif kind not in (METHOD, HEADER, BODY):
            self._on_odd_frame(kind, number, payload)
        elif number:
            self._on_unopened_channel(kind, number, payload)
        elif kind != METHOD:
            raise ConnectionFault(505, describe_frame(kind, payload))
        elif self._handshake is not None:
            self._handshake.on_method(payload)
            if self._handshake.opened:
                self._on_open()
        else:
            self._on_connection_method(decode_method(payload))

    def _on_odd_frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind != HEARTBEAT or payload:
            raise unknown_frame(kind, payload)
        if number:
            raise ConnectionFault(505, describe_frame(kind, payload))

    def _on_hello(self, header: bytes) -> None:
        if header == PROTOCOL_HEADER:
            assert self._handshake is not None
            self._handshake.begin()
            return
        logger.warning("client %s does not speak AMQP 0-9-1: connection closed", self._peer)
        self.send(PROTOCOL_HEADER)
        self._hang_up()

    def _on_connection_method(self, method: Any) -> None:
        if isinstance(method, pika.spec.Connection.CloseOk) and self._closing:
            self._hang_up()
        elif isinstance(method, pika.spec.Connection.Close):
            self._end_session()
            self.send(encode_method(0, pika.spec.Connection.CloseOk()))
            self._hang_up()
        elif not self._closing:
            raise ConnectionFault(504, "unexpected method in connection state running", method.INDEX)

    # -- channels

    def _on_unopened_channel(self, kind: int, number: int, payload: bytes) -> None:
        if self._handshake is not None:
            raise ConnectionFault(504, f"frame on channel {number} before connection.open")
        if kind == METHOD and self._on_channel_method(number, payload):
            return
        if number not in self._closing_channels:
            method = method_index(payload) if kind == METHOD else 0
            raise ConnectionFault(504, "expected 'channel.open'", method)

    def _on_channel_method(self, number: int, payload: bytes) -> bool:
        """Open and close channels; False when it is another method."""
        index = method_index(payload)
        if index == pika.spec.Channel.Open.INDEX:
            self._open_channel(number)
        elif index == pika.spec.Channel.Close.INDEX:
            self._on_channel_close(number)
        elif index == pika.spec.Channel.CloseOk.INDEX and number in self._closing_channels:
            self._closing_channels.discard(number)
        else:
            return False
        return True

    def _open_channel(self, number: int) -> None:
        if number in self.channels or number in self._closing_channels:
            raise ConnectionFault(504, "second 'channel.open' seen", pika.spec.Channel.Open.INDEX)
        opened = len(self.channels)
        if opened >= self.channel_max:
            limit = f"the negotiated channel_max ({self.channel_max})"
            raise ConnectionFault(530, f"number of channels opened ({opened}) has reached {limit}")
        self.channels[number] = Channel(self, number)
        self.send(encode_method(number, pika.spec.Channel.OpenOk()))

    def _on_channel_close(self, number: int) -> None:
        channel = self.channels.pop(number, None)
        if channel is not None:
            channel.send_confirms()
            channel.close()
        elif number not in self._closing_channels:
            raise ConnectionFault(504, "expected 'channel.open'", pika.spec.Channel.Close.INDEX)
        self.send(encode_method(number, pika.spec.Channel.CloseOk()))

    def close_channel(self, channel: Channel, fault: ChannelFault) -> None:
        """Close a channel, with a reason."""
        level = logging.DEBUG if _is_awaited(fault) else logging.INFO
        logger.log(level, "channel %d of %s closed: %s", channel.number, self._peer, fault)
        channel.send_confirms()
        del self.channels[channel.number]
        self._closing_channels.add(channel.number)
        channel.close()
        reply = pika.spec.Channel.Close(fault.code, fault.text, fault.method >> 16, fault.method & 0xFFFF)
        self.send(encode_method(channel.number, reply))

    # -- beginning and end

    def _on_open(self) -> None:
        """The handshake is done."""
        self._handshake = None
        self._reader.frame_max = self.frame_max
        self._set_deadline(None)
        logger.debug("client %s opened virtual host %s", self._peer, self.vhost.name)
        self.state.hooks.on_opened(self)

    def close(self, fault: Fault) -> None:
        """Ask the client to close, with a reason, and hear nothing else from it."""
        if self._closing or self._over:
            return
        if self._handshake is not None and not self._handshake.tuned and not isinstance(fault, LoginRefused):
            self._hang_up()  # it could not make sense of the reason yet
            return
        self._end_session()
        self._closing = True
        reply = pika.spec.Connection.Close(fault.code, fault.text, fault.method >> 16, fault.method & 0xFFFF)
        self.send(encode_method(0, reply))
        self._write_buffer.flush()
        self._abort_soon()

    def _fail(self, fault: ConnectionFault) -> None:
        if self._closing or self._over:
            return
        logger.warning("connection of %s closed: %s", self._peer, fault)
        if isinstance(fault, LoginRefused) and not self.closes_on_refused_login:
            self._hang_up()
        else:
            self.close(fault)

    def _hang_up(self) -> None:
        self._write_buffer.flush()
        self._over = True
        self.transport.close()
        self._abort_soon()

    def _end_session(self) -> None:
        """Give up channels and exclusive queues."""
        self.congested = True  # nothing is delivered while its consumers go one by one
        self.heartbeat.stop()
        channels = tuple(self.channels.values())
        self.channels.clear()
        for channel in channels:
            channel.close()
        self.vhost.delete_queues_of(self)

    def _set_deadline(self, timer: asyncio.TimerHandle | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = timer

    def _abort_soon(self) -> None:
        """In case the client neither answers nor reads what is left to be written."""
        self._set_deadline(self.state.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort))

    def _on_handshake_timeout(self) -> None:
        logger.warning("client %s did not complete the handshake in %g s", self._peer, _HANDSHAKE_TIMEOUT_S)
        self.transport.abort()

    def _send_heartbeat(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(HEARTBEAT_FRAME)

    def _on_silence(self) -> None:
        logger.warning("client %s missed its heartbeats: connection closed", self._peer)
        self.transport.abort()


def _is_awaited(fault: ChannelFault) -> bool:
    """Whether the client waits for an answer to the method at fault, and so learns of the refusal itself."""
    method: Any = pika.spec.methods.get(fault.method)
    return method is not None and bool(method.synchronous.fget(method))
