"""AMQP 0-9-1 frames that any thread may write: publish, acknowledge, declare and bind, as finished bytes.

A message is written as one buffer (method, header and body frames together), which any thread can build and
send; everything else that travels on a connection is pika's.
"""

from __future__ import annotations

import struct

from dripline.amqp.field_table import short_string
from dripline.errors import EncodingError

_FRAME = struct.Struct(">BHI")
_CONTENT_HEADER = struct.Struct(">HHQ")
_ACK = struct.Struct(">BHIHHQBB")
_END = b"\xce"
_METHOD, _HEADER, _BODY = 1, 2, 3
_BASIC_PUBLISH = b"\x00\x3c\x00\x28\x00\x00"
_QUEUE_BIND = b"\x00\x32\x00\x14\x00\x00"
_EXCHANGE_DECLARE = b"\x00\x28\x00\x0a\x00\x00"
_TOPIC_NOWAIT_WITHOUT_ARGUMENTS = b"\x05topic\x10\x00\x00\x00\x00"
_NOWAIT_WITHOUT_ARGUMENTS = b"\x01\x00\x00\x00\x00"
_REQUEUE = 2
FRAME_OVERHEAD = 8


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
    """Build basic.publish with its content.

    Args:
        channel: Channel number.
        exchange: Exchange as an encoded short string.
        routing_key: Routing key.
        properties: Property flags and property list, already encoded.
        body: Message body.
        mandatory: Whether the broker returns what it cannot route.
        frame_max: Largest frame that was negotiated, in bytes.

    Returns:
        Method, header and body frames in one buffer.

    Raises:
        EncodingError: The headers do not fit in one frame; the broker would close the connection.
    """
    room = frame_max - FRAME_OVERHEAD
    header_size = _CONTENT_HEADER.size + len(properties)
    if header_size > room:
        raise EncodingError(
            f"a message to {routing_key!r} with {header_size} bytes of headers: {room} are the most"
        )
    key = short_string(routing_key)
    size = len(_BASIC_PUBLISH) + len(exchange) + len(key) + 1
    parts = [
        _FRAME.pack(_METHOD, channel, size),
        _BASIC_PUBLISH,
        exchange,
        key,
        b"\x01" if mandatory else b"\x00",
        _END,
        _FRAME.pack(_HEADER, channel, header_size),
        _CONTENT_HEADER.pack(60, 0, len(body)),
        properties,
        _END,
    ]
    for start in range(0, len(body), room):
        piece = body if len(body) <= room else body[start : start + room]
        parts += (_FRAME.pack(_BODY, channel, len(piece)), piece, _END)
    return b"".join(parts)


def ack_frame(channel: int, delivery_tag: int) -> bytes:
    """Build basic.ack for one delivery."""
    return _ACK.pack(_METHOD, channel, 13, 60, 80, delivery_tag, 0, 0xCE)


def nack_frame(channel: int, delivery_tag: int) -> bytes:
    """Build basic.nack for one delivery, which returns to its queue.

    Not basic.reject: RabbitMQ 4.3 counts a rejected delivery as a failed one.
    """
    return _ACK.pack(_METHOD, channel, 13, 60, 120, delivery_tag, _REQUEUE, 0xCE)


def bind_frame(channel: int, queue: bytes, exchange: bytes, routing_key: str) -> bytes:
    """Build queue.bind with no-wait, so that many bindings can be pipelined.

    Args:
        channel: Channel number.
        queue: Queue as an encoded short string.
        exchange: Exchange as an encoded short string.
        routing_key: Binding key.
    """
    payload = _QUEUE_BIND + queue + exchange + short_string(routing_key) + _NOWAIT_WITHOUT_ARGUMENTS
    return _FRAME.pack(_METHOD, channel, len(payload)) + payload + _END


def topic_exchange_frame(channel: int, name: bytes) -> bytes:
    """Build exchange.declare of a topic exchange as a mesh has it, with no-wait.

    Args:
        channel: Channel number.
        name: Its name as an encoded short string.
    """
    payload = _EXCHANGE_DECLARE + name + _TOPIC_NOWAIT_WITHOUT_ARGUMENTS
    return _FRAME.pack(_METHOD, channel, len(payload)) + payload + _END
