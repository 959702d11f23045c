"""An AMQP client that does nothing by itself: sends what it is told and writes down every frame it gets."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pika.frame
import pika.spec
from pika.amqp_object import Method

from .stage import Stage

CAPABILITIES = {
    "authentication_failure_close": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "publisher_confirms": True,
}


class RawClient:
    """A socket to the broker of a stage; frames received go to the stage's log, heartbeats excepted."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._socket = socket.create_connection((stage.address.host, stage.address.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""

    def send_bytes(self, data: bytes) -> None:
        """Send anything."""
        self._socket.sendall(data)

    def send(self, channel: int, *methods: Method) -> None:
        """Send methods in one go."""
        self.send_bytes(b"".join(pika.frame.Method(channel, method).marshal() for method in methods))

    def publish(
        self, channel: int, method: pika.spec.Basic.Publish, body: bytes, properties: bytes = b"\0\0"
    ) -> None:
        """Publish with a property list that is encoded already."""
        header = struct.pack(">HHQ", 60, 0, len(body)) + properties
        data = pika.frame.Method(channel, method).marshal() + encode_frame(2, channel, header)
        self.send_bytes(data + (encode_frame(3, channel, body) if body else b""))

    def open(self, channel: int = 1, capabilities: Any = CAPABILITIES, frame_max: int = 131072) -> None:
        """Log in, open the virtual host and a channel; not written down."""
        address = self._stage.address
        self.log_in(address.username, address.password, capabilities)
        self.skip(1)
        self.send(0, pika.spec.Connection.TuneOk(2047, frame_max, 0))
        self.send(0, pika.spec.Connection.Open(address.virtual_host))
        self.skip(1)
        self.send(channel, pika.spec.Channel.Open())
        self.skip(1)

    def log_in(
        self,
        username: str,
        password: str,
        capabilities: Any = CAPABILITIES,
        mechanism: str = "PLAIN",
        response: bytes | None = None,
    ) -> None:
        """Send the protocol header and start-ok."""
        self.send_bytes(b"AMQP\0\0\x09\x01")
        self.skip(1)
        secret = response if response is not None else f"\0{username}\0{password}".encode()
        properties = {"capabilities": capabilities} if capabilities else {}
        self.send(0, pika.spec.Connection.StartOk(properties, mechanism, secret, "en_US"))

    def read(self, count: int = 1) -> None:
        """Write down the next `count` frames, or "closed" when the broker hangs up."""
        for _ in range(count):
            frame = self._next_frame()
            if frame is None:
                self._stage.note("closed")
                return
            self._stage.note(*_describe(frame))

    def read_until(self, kind: type[Method]) -> None:
        """Write down frames up to and including the first method of this kind."""
        while (frame := self._next_frame()) is not None:
            self._stage.note(*_describe(frame))
            if isinstance(getattr(frame, "method", None), kind):
                return
        self._stage.note("closed")

    def read_close(self) -> None:
        """Write down code, text and method of a connection.close (or "closed"), and answer it."""
        while (frame := self._next_frame()) is not None:
            if isinstance(getattr(frame, "method", None), pika.spec.Connection.Close):
                self._stage.note(*_describe(frame))
                self.send(0, pika.spec.Connection.CloseOk())
                break
        while frame is not None:
            frame = self._next_frame()
        self._stage.note("closed")

    def read_close_code(self) -> None:
        """Write down the code of a connection.close only, its text being the broker's own."""
        while (frame := self._next_frame()) is not None:
            method = getattr(frame, "method", None)
            if isinstance(method, pika.spec.Connection.Close):
                self._stage.note("Connection.Close", method.reply_code)
                return
        self._stage.note("closed")

    def skip(self, count: int) -> None:
        """Read frames without a note."""
        for _ in range(count):
            assert self._next_frame() is not None, "the broker closed the connection"

    def raw_content(self) -> tuple[bytes, list[bytes]]:
        """Payload of the next content header frame, and of its body frames."""
        header = self._next_payload()
        missing = struct.unpack_from(">Q", header, 4)[0]
        parts: list[bytes] = []
        while missing > 0:
            parts.append(self._next_payload())
            missing -= len(parts[-1])
        return header, parts

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _next_frame(self) -> Any:
        while True:
            data = self._next_bytes()
            if not data:
                return None
            _, frame = pika.frame.decode_frame(data)
            if not isinstance(frame, pika.frame.Heartbeat):
                return frame

    def _next_payload(self) -> bytes:
        return self._next_bytes()[7:-1]

    def _next_bytes(self) -> bytes:
        while len(self._input) < 8 or len(self._input) < self._size():
            try:
                data = self._socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return b""
            self._input += data
        size = self._size()
        data, self._input = self._input[:size], self._input[size:]
        return data

    def _size(self) -> int:
        if self._input.startswith(b"AMQP"):
            return 8
        return int(struct.unpack_from(">I", self._input, 3)[0]) + 8


def encode_frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Any frame."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def _describe(frame: Any) -> tuple[Any, ...]:
    if isinstance(frame, pika.frame.Method):
        fields = dict(sorted(vars(frame.method).items()))
        return frame.channel_number, frame.method.NAME, fields
    if isinstance(frame, pika.frame.Header):
        return frame.channel_number, "header", frame.body_size, vars(frame.properties)
    if isinstance(frame, pika.frame.Body):
        return frame.channel_number, "body", frame.fragment
    return (type(frame).__name__, *vars(frame).values())
