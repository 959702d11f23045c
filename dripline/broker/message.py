"""A message inside the broker, still encoded."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from dripline.amqp.content import HEADER, OVERHEAD, body_frames, frame
from dripline.amqp.properties import end_of_properties, short_string
from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import PUBLISH_INDEX, unknown_frame

_CONTENT_HEADER: Final = struct.Struct(">HHQH")
_BASIC_CLASS: Final = 60
_OBJECTS: Final = 500  # what Python's objects for a message and its place in a queue take, in bytes
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
                505, f"expected content header for class 60, got one for class {kind} instead", PUBLISH_INDEX
            )
        if end_of_properties(header, _CONTENT_HEADER.size, flags) == len(header):
            return int(size)
    except (struct.error, IndexError):
        pass
    raise unknown_frame(HEADER, header)


def is_persistent(header: bytes) -> bool:
    """Whether a message asks to survive a restart of the broker (delivery mode 2)."""
    flags = _CONTENT_HEADER.unpack_from(header)[3]
    if not flags & _DELIVERY_MODE:
        return False
    position = end_of_properties(header, _CONTENT_HEADER.size, flags & _BEFORE_DELIVERY_MODE)
    return header[position] == 2


def with_counts(header: bytes, counts: Mapping[str, int]) -> bytes:
    """Add integers to the header table of an encoded content header.

    A name that the publisher's table has already stands in it twice: the last one counts.
    """
    kind, weight, size, flags = _CONTENT_HEADER.unpack_from(header)
    fields = b"".join(short_string(name) + _SIGNED_64_BIT.pack(b"l", count) for name, count in counts.items())
    start = end_of_properties(header, _CONTENT_HEADER.size, flags & _BEFORE_HEADERS)
    end, table = start, b""
    if flags & _HEADERS:
        begin = start + _LENGTH.size
        end = begin + _LENGTH.unpack_from(header, start)[0]
        table = header[begin:end]
    table += fields
    properties = header[_CONTENT_HEADER.size : start] + _LENGTH.pack(len(table)) + table + header[end:]
    return _CONTENT_HEADER.pack(kind, weight, size, flags | _HEADERS) + properties
