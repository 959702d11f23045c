"""A message on its way through the broker, still encoded."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping
from typing import Final

from dripline.amqp.content import HEADER, OVERHEAD, body_frames, frame
from dripline.amqp.properties import short_string
from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import unknown_frame

_CONTENT_HEADER: Final = struct.Struct(">HHQH")
_BASIC_CLASS: Final = 60
_PUBLISH: Final = 60 << 16 | 40
_OBJECTS: Final = 500  # what Python's objects for a message and its place in a queue take, in bytes
_SHORT_STRING: Final = -1
_TABLE: Final = -2
# content_type, content_encoding, headers, delivery_mode, priority, correlation_id, reply_to, expiration,
# message_id, timestamp, type, user_id, app_id, cluster_id: bytes of each
_PROPERTY_SIZES: Final = (-1, -1, -2, 1, 1, -1, -1, -1, -1, 8, -1, -1, -1, -1)
_KNOWN_FLAGS: Final = 0xFFFC
_DELIVERY_MODE: Final = 0x1000
_BEFORE_DELIVERY_MODE: Final = 0xE000
_HEADERS: Final = 0x2000
_BEFORE_HEADERS: Final = 0xC000
_LENGTH: Final = struct.Struct(">I")
_SIGNED_64_BIT: Final = struct.Struct(">cq")


class Message:
    """One published message: its address, content header and body as bytes.

    Attributes:
        address: exchange and routing key as two short strings, as basic.deliver repeats them.
        header: payload of the content header frame, never decoded.
        body: all body frames joined.
        size: about what it takes in memory, in bytes.
    """

    __slots__ = ("_frames", "_frames_for", "address", "body", "header", "size")

    def __init__(self, address: bytes, header: bytes, body: bytes) -> None:
        self.address = address
        self.header = header
        self.body = body
        self.size = len(header) + len(body) + _OBJECTS
        self._frames = b""
        self._frames_for = 0  # no channel has this number

    def content_frames(self, channel: int, frame_max: int) -> bytes:
        """Header and body frames for a channel, cut to its connection's `frame_max`.

        The last answer is kept unless it is large: most consumers of a fan-out use the same channel number.
        """
        fits = len(self.body) <= frame_max - OVERHEAD
        if fits and self._frames_for == channel:
            return self._frames
        frames = b"".join((frame(HEADER, channel, self.header), *body_frames(channel, frame_max, self.body)))
        if fits:
            self._frames, self._frames_for = frames, channel
        return frames


def content_size(header: bytes) -> int:
    """Length of the body that a content header announces, in bytes.

    Checks that the property list is whole, too, so that no consumer gets one that it cannot read; what is in the
    header table stays unread.

    Raises:
        ConnectionFault: 505 when it is a header of another class, 501 when it is broken.
    """
    try:
        kind, _, size, flags = _CONTENT_HEADER.unpack_from(header)
        if kind != _BASIC_CLASS:
            raise ConnectionFault(
                505, f"expected content header for class 60, got one for class {kind} instead", _PUBLISH
            )
        if _end_of_properties(header, flags) == len(header):
            return int(size)
    except (struct.error, IndexError):
        pass
    raise unknown_frame(HEADER, header)


def _end_of_properties(header: bytes, flags: int) -> int:
    """Where the properties end that the flags announce; with fewer flags, where the first of them end."""
    position = _CONTENT_HEADER.size
    for size in _layout(flags):
        if size == _SHORT_STRING:
            position += 1 + header[position]
        elif size == _TABLE:
            position += 4 + int.from_bytes(header[position : position + 4], "big")
        else:
            position += size
    return position


def is_persistent(header: bytes) -> bool:
    """Whether a message asks to survive a restart of the broker (delivery mode 2)."""
    flags = _CONTENT_HEADER.unpack_from(header)[3]
    if not flags & _DELIVERY_MODE:
        return False
    position = _end_of_properties(header, flags & _BEFORE_DELIVERY_MODE)
    return header[position] == 2


def with_counts(header: bytes, counts: Mapping[str, int]) -> bytes:
    """Add integers to the header table of an encoded content header.

    A name that the publisher's table has already stands in it twice: the last one counts.
    """
    kind, weight, size, flags = _CONTENT_HEADER.unpack_from(header)
    fields = b"".join(short_string(name) + _SIGNED_64_BIT.pack(b"l", count) for name, count in counts.items())
    start = _end_of_properties(header, flags & _BEFORE_HEADERS)
    end, table = start, b""
    if flags & _HEADERS:
        begin = start + _LENGTH.size
        end = begin + _LENGTH.unpack_from(header, start)[0]
        table = header[begin:end]
    table += fields
    properties = header[_CONTENT_HEADER.size : start] + _LENGTH.pack(len(table)) + table + header[end:]
    return _CONTENT_HEADER.pack(kind, weight, size, flags | _HEADERS) + properties


@functools.cache
def _layout(flags: int) -> tuple[int, ...]:
    """What the set flags announce, highest bit first; a bit without meaning makes the list unreadable."""
    if flags & ~_KNOWN_FLAGS:
        raise IndexError("unknown property")
    return tuple(size for bit, size in enumerate(_PROPERTY_SIZES) if flags & 0x8000 >> bit)
