"""Decoding of the methods that clients send, comparison of declare arguments, texts of error replies.

Methods that are sent or received rarely go through pika's codec. What every message needs (deliver, return,
content, acknowledgement) is packed from parts that stay encoded all the way: the header table of a message that
passes through is never decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import pika.spec

from dripline.amqp.content import METHOD
from dripline.broker.errors import ConnectionFault

CHANNEL_CLASS: Final = struct.pack(">H", 20)
PUBLISH: Final = struct.pack(">HH", 60, 40)
PUBLISH_INDEX: Final = 60 << 16 | 40
_METHOD_INDEX: Final = struct.Struct(">I")

_CONNECTION_CLASS: Final = 10
_OCTETS_SHOWN: Final = 16

# Those RabbitMQ compares when a queue is declared again; it ignores all others.
_QUEUE_ARGUMENTS: Final = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-delivery-limit",
    "x-queue-mode",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
    "x-queue-leader-locator",
)


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
    except Exception as error:  # of many kinds
        shown = "" if index >> 16 == _CONNECTION_CLASS else f" {_octets(payload[4:])}"  # a login is not shown
        raise ConnectionFault(501, f"cannot decode{shown}", index) from error


def describe_frame(kind: int, payload: bytes) -> str:
    """A frame's type and first octets, in the words of RabbitMQ."""
    shown = "all octets" if len(payload) <= _OCTETS_SHOWN else f"first {_OCTETS_SHOWN} octets"
    return f"type {kind}, {shown} = {_octets(payload[:_OCTETS_SHOWN])}"


def unknown_frame(kind: int, payload: bytes) -> ConnectionFault:
    """A frame of no known type, or one that cannot be of the type it claims."""
    return ConnectionFault(501, f"{describe_frame(kind, payload)}: unknown_frame")


def name_text(value: str | bytes | None) -> str:
    """A name of an exchange, a queue or a consumer.

    Raises:
        ConnectionFault: 502 when it is not UTF-8 (pika hands such strings on as bytes).
    """
    if isinstance(value, bytes):
        raise ConnectionFault(502, "name is not UTF-8")
    return value or ""


def key_bytes(value: str | bytes | None) -> bytes:
    """A binding key; any bytes will do."""
    return value.encode() if isinstance(value, str) else value or b""


def canonical(arguments: Mapping[str, Any] | None) -> str:
    """Text that is equal for equal tables, "" for an empty one."""
    return repr(sorted(arguments.items())) if arguments else ""


def first_difference(received: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Name of the first queue argument that differs, and both values as RabbitMQ words them."""
    for name in _QUEUE_ARGUMENTS:
        new, old = (_given(table, name) for table in (received, current))
        if new != old:
            if type(new) is type(old):
                return name, f"'{new}'", f"'{old}'"
            return name, _describe(new), _describe(old)
    return None


def _given(arguments: Mapping[str, Any], name: str) -> Any:
    value = arguments.get(name)
    return None if name == "x-queue-type" and value == "classic" else value  # which is what there is without


def _describe(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"the value '{str(value).lower()}' of type 'bool'"
    kind = "longstr" if isinstance(value, str) else "signedint" if isinstance(value, int) else "table"
    return f"the value '{value}' of type '{kind}'"


def _octets(data: bytes) -> str:
    if data and all(0x20 <= octet < 0x7F for octet in data):
        return f'<<"{data.decode()}">>'
    return f"<<{','.join(map(str, data))}>>"
