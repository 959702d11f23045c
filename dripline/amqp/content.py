"""Frames to deliveries, and messages and methods to frames: the codec shared by client and broker.

`FrameCutter` serves both ends of a connection. `ContentReader` takes the frames of a client's hot path (deliver,
return, confirm) itself and hands every other frame on. Any thread can build and write the frames made here: a
message is one buffer with its method, header and body frames. All other methods are encoded by pika.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dripline.amqp.properties import RawProperties, short_string
from dripline.errors import EncodingError

METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
HEARTBEAT: Final = 8
FRAME_HEAD: Final = struct.Struct(">BHI")
FRAME_END: Final = b"\xce"
OVERHEAD: Final = 8  # bytes a frame has besides its payload
HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"

_METHOD_ID = struct.Struct(">I")
_CONTENT_HEADER = struct.Struct(">HHQ")
_CONFIRM = struct.Struct(">IQB")
_ACKNOWLEDGEMENT = struct.Struct(">BHIHHQBB")
_DELIVERY_TAG = struct.Struct(">Q")
_REPLY_CODE = struct.Struct(">H")
_DELIVER, _RETURN, _ACK, _NACK = 0x3C003C, 0x3C0032, 0x3C0050, 0x3C0078
_BASIC_PUBLISH = b"\x00\x3c\x00\x28\x00\x00"
_QUEUE_BIND = b"\x00\x32\x00\x14\x00\x00"
_NOWAIT_WITHOUT_ARGUMENTS = b"\x01\x00\x00\x00\x00"
_REQUEUE = 2
_BEGINNING = 1024 * 1024  # so much is kept of a body that is too long for its consumer


class Frame(NamedTuple):
    """A whole frame."""

    kind: int
    channel: int
    payload: bytes


class DamagedStream(ValueError):
    """Bytes that are no frames.

    Attributes:
        kind: Kind of the damaged frame.
        payload: What came of it.
        reason: The same in the words of RabbitMQ.
    """

    def __init__(self, text: str, kind: int, payload: bytes, reason: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.payload = payload
        self.reason = reason


class FrameCutter:
    """Takes bytes as they arrive, gives frames.

    Attributes:
        frame_max: Longest frame accepted, in bytes.
        damage: Set when the bytes stop making sense; nothing can be read after that.
    """

    def __init__(self, frame_max: int) -> None:
        self.frame_max = frame_max
        self.damage: DamagedStream | None = None
        self._kept = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole now; what is left over is kept."""
        if self.damage is not None:
            return []
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return []
            data = bytes(self._kept)
            self._kept.clear()
        frames: list[Frame] = []
        at, end, longest = 0, len(data), self.frame_max - OVERHEAD
        self._needed = OVERHEAD
        while end - at >= OVERHEAD:
            kind, channel, size = FRAME_HEAD.unpack_from(data, at)
            start = at + 7
            stop = start + size
            if size > longest:
                text = f"a frame of {size} bytes is larger than the limit {longest}"
                self.damage = DamagedStream(text, kind, b"", f"{{frame_too_large,{size},{longest}}}")
                break
            if stop >= end:
                self._needed = stop + 1 - at
                break
            if data[stop] != 0xCE:
                reason = f"{{invalid_frame_end_marker,{data[stop]}}}"
                self.damage = DamagedStream("a frame does not end with 0xCE", kind, data[start:stop], reason)
                break
            frames.append(Frame(kind, channel, data[start:stop]))
            at = stop + 1
        if self.damage is None:
            self._kept += data[at:]
        return frames


class Delivery(NamedTuple):
    """A message that a consumer of ours received.

    Attributes:
        consumer_tag: The consumer it is for; no two connections of a process use the same tag.
        delivery_tag: Number to acknowledge it with.
        exchange: Exchange it was published to.
        routing_key: Routing key it was published with.
        properties: Its AMQP properties.
        body: Its body.
    """

    consumer_tag: str
    delivery_tag: int
    exchange: str
    routing_key: str
    properties: RawProperties
    body: bytes


class CutBody(bytes):
    """The beginning of a body that was longer than its consumer takes.

    Attributes:
        size: Length of the whole body, in bytes.
    """

    size = 0


class Returned(NamedTuple):
    """A mandatory message of ours that the broker could not route."""

    reply_code: int
    reply_text: str
    exchange: str
    routing_key: str
    properties: RawProperties
    body: bytes


class ContentReader:
    """Sans-I/O reader of what a broker sends.

    Args:
        on_delivery: Called with each `Delivery`.
        on_returned: Called with each `Returned`.
        on_confirm: Called with (delivery tag, multiple, acknowledged) for publisher confirms.
        on_other: Called with the bytes of every other whole frame.
        max_frame: Largest payload of a frame, in bytes.
        max_body: Largest body that is accepted, in bytes.
        longest_body: Gives the length beyond which a consumer, named by its tag, wants only the beginning of a
            body (a `CutBody`), whatever the size of the body; None for a consumer without such a limit.
    """

    def __init__(
        self,
        on_delivery: Callable[[Delivery], None],
        on_returned: Callable[[Returned], None],
        on_confirm: Callable[[int, bool, bool], None],
        on_other: Callable[[bytes], None],
        max_frame: int = 128 * 1024,
        max_body: int = 128 * 1024 * 1024,
        longest_body: Callable[[str], int | None] = lambda _tag: None,
    ) -> None:
        self._on_delivery = on_delivery
        self._on_returned = on_returned
        self._on_confirm = on_confirm
        self._on_other = on_other
        self._max_body = max_body
        self._longest_body = longest_body
        self._frames = FrameCutter(max_frame + OVERHEAD)
        self._open: dict[int, _Content] = {}

    def feed(self, data: bytes) -> None:
        """Take bytes from the broker; calls back for all that they complete.

        Raises:
            ValueError: The stream is not AMQP; the connection cannot go on.
        """
        for kind, channel, payload in self._frames.feed(data):
            if not self._take(kind, channel, payload):
                self._on_other(frame(kind, channel, payload))
        if self._frames.damage is not None:
            raise self._frames.damage

    def _take(self, kind: int, channel: int, payload: bytes) -> bool:
        """Take a frame, if it is one for this reader."""
        content = self._open.get(channel)
        if content is not None:
            if kind == BODY:
                self._body(channel, content, payload)
                return True
            if kind == HEADER:
                self._header(channel, content, payload)
                return True
            if kind == METHOD:
                del self._open[channel]  # the broker gave up in the middle, and the method tells why
        if kind == METHOD and channel and len(payload) >= 4:
            return self._method(channel, _METHOD_ID.unpack_from(payload)[0], payload)
        return False

    def _method(self, channel: int, method: int, payload: bytes) -> bool:
        if method in (_DELIVER, _RETURN):
            self._open[channel] = _Content(method, payload)
            return True
        if method in (_ACK, _NACK):
            if len(payload) != _CONFIRM.size:
                raise ValueError("a publisher confirm of the wrong length")
            _, tag, bits = _CONFIRM.unpack(payload)
            self._on_confirm(tag, bool(bits & 1), method == _ACK)
            return True
        return False

    def _header(self, channel: int, content: _Content, payload: bytes) -> None:
        if content.properties is not None or len(payload) < _CONTENT_HEADER.size + 2:
            raise ValueError("a content header that is damaged, or one too many")
        content.missing = _CONTENT_HEADER.unpack_from(payload)[2]
        if content.missing > _BEGINNING:
            content.cut(self._longest_body)
        if content.missing > self._max_body and not content.cut_from:
            raise ValueError(f"a message of {content.missing} bytes is larger than the limit {self._max_body}")
        content.properties = payload[_CONTENT_HEADER.size :]
        if not content.missing:
            self._complete(channel, content, content.properties)

    def _body(self, channel: int, content: _Content, payload: bytes) -> None:
        content.missing -= len(payload)
        if content.properties is None or content.missing < 0:
            raise ValueError("a content body that nothing announced")
        if content.cut_from:
            payload = payload[: content.room]
            content.room -= len(payload)
        if payload:
            content.pieces.append(payload)
        if not content.missing:
            self._complete(channel, content, content.properties)

    def _complete(self, channel: int, content: _Content, properties: bytes) -> None:
        del self._open[channel]
        pieces = content.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if content.cut_from:
            body = CutBody(body)
            body.size = content.cut_from
        if content.kind == _DELIVER:
            self._on_delivery(_delivery(content.method, RawProperties(properties), body))
        else:
            self._on_returned(_returned(content.method, RawProperties(properties), body))


class _Content:
    """A message of which not all frames are here yet."""

    __slots__ = ("cut_from", "kind", "method", "missing", "pieces", "properties", "room")

    def __init__(self, kind: int, method: bytes) -> None:
        self.kind = kind
        self.method = method
        self.properties: bytes | None = None
        self.missing = 0
        self.pieces: list[bytes] = []
        self.cut_from = 0  # how long the body is of which only the beginning is kept
        self.room = 0

    def cut(self, longest_body: Callable[[str], int | None]) -> None:
        """Decide whether only the beginning is kept."""
        if self.kind == _DELIVER and len(self.method) > 4:
            longest = longest_body(self.method[5 : 5 + self.method[4]].decode("utf-8", "replace"))
            if longest is not None and self.missing > longest:
                self.cut_from, self.room = self.missing, _BEGINNING


def _delivery(method: bytes, properties: RawProperties, body: bytes) -> Delivery:
    try:
        consumer_tag, at = _short(method, 4)
        (delivery_tag,) = _DELIVERY_TAG.unpack_from(method, at)
        exchange, at = _short(method, at + 9)  # behind the tag and the bit `redelivered`
        routing_key, _ = _short(method, at)
    except (IndexError, struct.error) as error:
        raise ValueError(f"a damaged delivery: {error}") from None
    return Delivery(consumer_tag, delivery_tag, exchange, routing_key, properties, body)


def _returned(method: bytes, properties: RawProperties, body: bytes) -> Returned:
    try:
        (code,) = _REPLY_CODE.unpack_from(method, 4)
        text, at = _short(method, 6)
        exchange, at = _short(method, at)
        routing_key, _ = _short(method, at)
    except (IndexError, struct.error) as error:
        raise ValueError(f"a damaged return: {error}") from None
    return Returned(code, text, exchange, routing_key, properties, body)


def _short(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    if end > len(data):
        raise IndexError("text runs past the end")
    return data[at + 1 : end].decode("utf-8", "replace"), end


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Build any frame."""
    return b"%b%b\xce" % (FRAME_HEAD.pack(kind, channel, len(payload)), payload)


def encode_method(channel: int, method: Any) -> bytes:
    """Build the frame of a method of `pika.spec`."""
    import pika.frame  # a client that only builds messages does not need it

    data: bytes = pika.frame.Method(channel, method).marshal()
    return data


def body_frames(channel: int, frame_max: int, body: bytes) -> list[bytes]:
    """Build the body frames of a message, each at most ``frame_max`` bytes long."""
    room = frame_max - OVERHEAD
    return [frame(BODY, channel, body[start : start + room]) for start in range(0, len(body), room)]


def publish_frames(
    channel: int,
    exchange: bytes,
    routing_key: str,
    properties: bytes,
    body: bytes,
    *,
    mandatory: bool,
    frame_max: int,
) -> bytes:
    """Build basic.publish with its content: method, header and body frames in one buffer.

    Args:
        channel: Channel number.
        exchange: Exchange as an encoded short string.
        routing_key: Routing key.
        properties: Property flags and property list, already encoded.
        body: Message body.
        mandatory: Whether the broker returns what it cannot route.
        frame_max: Largest frame that was negotiated, in bytes.

    Raises:
        EncodingError: The headers do not fit in one frame; the broker would close the connection.
    """
    room = frame_max - OVERHEAD
    header_size = _CONTENT_HEADER.size + len(properties)
    if header_size > room:
        raise EncodingError(
            f"a message to {routing_key!r} with {header_size} bytes of headers: {room} are the most"
        )
    key = short_string(routing_key)
    flags = b"\x01" if mandatory else b"\x00"
    parts = [
        frame(METHOD, channel, b"".join((_BASIC_PUBLISH, exchange, key, flags))),
        frame(HEADER, channel, _CONTENT_HEADER.pack(60, 0, len(body)) + properties),
        *body_frames(channel, frame_max, body),
    ]
    return b"".join(parts)


def ack_frame(channel: int, delivery_tag: int, multiple: bool = False) -> bytes:
    """Build basic.ack for one delivery or publish, or with ``multiple`` for all up to it."""
    return _ACKNOWLEDGEMENT.pack(METHOD, channel, 13, 60, 80, delivery_tag, multiple, FRAME_END[0])


def nack_frame(channel: int, delivery_tag: int) -> bytes:
    """Build basic.nack for one delivery, which returns to its queue.

    Not basic.reject: RabbitMQ 4.3 counts a rejected delivery as a failed one.
    """
    return _ACKNOWLEDGEMENT.pack(METHOD, channel, 13, 60, 120, delivery_tag, _REQUEUE, FRAME_END[0])


def bind_frame(channel: int, queue: bytes, exchange: bytes, routing_key: str) -> bytes:
    """Build queue.bind with no-wait; queue and exchange are encoded short strings."""
    key = short_string(routing_key)
    return frame(METHOD, channel, b"".join((_QUEUE_BIND, queue, exchange, key, _NOWAIT_WITHOUT_ARGUMENTS)))
