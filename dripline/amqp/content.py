"""From a stream of bytes to frames, and from frames to whole deliveries and returns.

`ContentReader` takes the frames of the hot path (deliver, return, confirm) itself and hands every other frame on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from dripline.amqp.properties import RawProperties

_FRAME = struct.Struct(">BHI")
_METHOD_ID = struct.Struct(">I")
_CONTENT_HEADER = struct.Struct(">HHQ")
_CONFIRM = struct.Struct(">IQB")
_AFTER_CONSUMER_TAG = struct.Struct(">QBB")
_REPLY_CODE = struct.Struct(">H")
_DELIVER, _RETURN, _ACK, _NACK = 0x3C003C, 0x3C0032, 0x3C0050, 0x3C0078
_METHOD, _HEADER, _BODY = 1, 2, 3
_OVERHEAD = 8
_BEGINNING = 1024 * 1024  # so much is kept of a body that is too long for its consumer
_END = 0xCE


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
        max_frame: Largest frame that was agreed on, in bytes.
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
        self._max_frame = max_frame
        self._max_body = max_body
        self._longest_body = longest_body
        self._buffer = b""
        self._open: dict[int, _Content] = {}

    def feed(self, data: bytes) -> None:
        """Take bytes from the broker; calls back for all that they complete.

        Raises:
            ValueError: The stream is not AMQP; the connection cannot go on.
        """
        buffer = self._buffer + data if self._buffer else data
        at, size = 0, len(buffer)
        while size - at >= _OVERHEAD:
            kind, channel, length = _FRAME.unpack_from(buffer, at)
            end = at + _OVERHEAD + length
            if length > self._max_frame:
                raise ValueError(f"a frame of {length} bytes is larger than the limit {self._max_frame}")
            if end > size:
                break
            if buffer[end - 1] != _END:
                raise ValueError("a frame does not end with 0xCE")
            if not self._take(kind, channel, buffer, at + 7, end - 1):
                self._on_other(buffer[at:end])
            at = end
        self._buffer = buffer[at:]

    def _take(self, kind: int, channel: int, buffer: bytes, at: int, end: int) -> bool:
        """Take a frame's payload, if it is one for this reader."""
        content = self._open.get(channel)
        if content is not None:
            if kind == _BODY:
                self._body(channel, content, buffer[at:end])
                return True
            if kind == _HEADER:
                self._header(channel, content, buffer[at:end])
                return True
            if kind == _METHOD:
                del self._open[channel]  # the broker gave up in the middle, and the method tells why
        if kind == _METHOD and channel and end - at >= 4:
            return self._method(channel, _METHOD_ID.unpack_from(buffer, at)[0], buffer[at:end])
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
        tag_end = 5 + method[4]
        delivery_tag, _redelivered, exchange_length = _AFTER_CONSUMER_TAG.unpack_from(method, tag_end)
        exchange_at = tag_end + _AFTER_CONSUMER_TAG.size
        exchange_end = exchange_at + exchange_length
        key_end = exchange_end + 1 + method[exchange_end]
    except (IndexError, struct.error) as error:
        raise ValueError(f"a damaged delivery: {error}") from None
    if key_end > len(method):
        raise ValueError("a damaged delivery: its routing key runs past the end")
    return Delivery(
        method[5:tag_end].decode("utf-8", "replace"),
        delivery_tag,
        method[exchange_at:exchange_end].decode("utf-8", "replace"),
        method[exchange_end + 1 : key_end].decode("utf-8", "replace"),
        properties,
        body,
    )


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
