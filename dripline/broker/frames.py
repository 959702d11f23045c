"""AMQP 0-9-1 frames: the codec at the border of the broker.

Methods that are sent or received rarely go through pika's codec. What every message needs (deliver, return,
content, acknowledgement) is packed here, from parts that stay encoded all the way: the header table of a
message that passes through is never decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final

import pika.amqp_object
import pika.exceptions
import pika.frame
import pika.spec

from dripline.broker.errors import ConnectionFault

METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
HEARTBEAT: Final = 8

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
FRAME_END: Final = b"\xce"
FRAME_END_BYTE: Final = 0xCE
OVERHEAD: Final = 8  # bytes a frame has besides its payload
FRAME_HEAD: Final = struct.Struct(">BHI")

CHANNEL_CLASS: Final = struct.pack(">H", 20)
PUBLISH: Final = struct.pack(">HH", 60, 40)
_ACK: Final = struct.Struct(">BHIHHQBB")
_METHOD_INDEX: Final = struct.Struct(">I")

_CONNECTION_CLASS: Final = 10
_OCTETS_SHOWN: Final = 16

# What pika's decoder can raise on bytes that are no valid method.
_DECODING_ERRORS: Final = (
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    OSError,
    RecursionError,
    pika.exceptions.AMQPError,
)


def encode_method(channel: int, method: pika.amqp_object.Method) -> bytes:
    """A whole method frame."""
    data: bytes = pika.frame.Method(channel, method).marshal()
    return data


def method_index(payload: bytes) -> int:
    """Class and method number of a method frame's payload, as pika's `INDEX`.

    Raises:
        ConnectionFault: 501 when the payload is too short to have them.
    """
    if len(payload) < _METHOD_INDEX.size:
        raise unknown_frame(METHOD, payload)
    index: int = _METHOD_INDEX.unpack_from(payload)[0]
    return index


def decode_method(payload: bytes) -> Any:
    """The pika method object in a method frame's payload.

    Raises:
        ConnectionFault: 503 for a method nobody knows, 501 for arguments that cannot be decoded.
    """
    index = method_index(payload)
    kind = pika.spec.methods.get(index)
    if kind is None:
        raise ConnectionFault(503, f"unknown method {index >> 16}.{index & 0xFFFF}", index)
    try:
        return kind().decode(payload, 4)
    except _DECODING_ERRORS as error:
        shown = "" if index >> 16 == _CONNECTION_CLASS else f" {_octets(payload[4:])}"  # a login is not shown
        raise ConnectionFault(501, f"cannot decode{shown}", index) from error


def describe_frame(kind: int, payload: bytes) -> str:
    """A frame's type and first octets, in the words of RabbitMQ."""
    shown = "all octets" if len(payload) <= _OCTETS_SHOWN else f"first {_OCTETS_SHOWN} octets"
    return f"type {kind}, {shown} = {_octets(payload[:_OCTETS_SHOWN])}"


def unknown_frame(kind: int, payload: bytes) -> ConnectionFault:
    """A frame of no known type, or one that cannot be of the type it claims."""
    return ConnectionFault(501, f"{describe_frame(kind, payload)}: unknown_frame")


def encode_ack(channel: int, tag: int, multiple: bool) -> bytes:
    """A basic.ack frame: the confirm of published messages."""
    return _ACK.pack(METHOD, channel, 13, 60, 80, tag, multiple, FRAME_END_BYTE)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Any frame."""
    return b"%b%b\xce" % (FRAME_HEAD.pack(kind, channel, len(payload)), payload)


def body_frames(channel: int, frame_max: int, body: bytes) -> Iterable[bytes]:
    """Body frames, each at most `frame_max` bytes long."""
    step = frame_max - OVERHEAD
    for start in range(0, len(body), step):
        yield frame(BODY, channel, body[start : start + step])


def short_string(text: str) -> bytes:
    """A string of at most 255 bytes with its length before it."""
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


def _octets(data: bytes) -> str:
    if data and all(0x20 <= octet < 0x7F for octet in data):
        return f'<<"{data.decode()}">>'
    return f"<<{','.join(map(str, data))}>>"
