"""Messages: content passes through byte for byte, and broken headers do not pass."""

from __future__ import annotations

import struct
from datetime import datetime, timezone

import pika
import pika.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.broker.errors import ConnectionFault
from dripline.broker.message import Message, content_size

TEXT = st.none() | st.text(max_size=20)
PROPERTIES = st.builds(
    pika.BasicProperties,
    content_type=TEXT,
    content_encoding=TEXT,
    headers=st.none() | st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5)),
    delivery_mode=st.none() | st.integers(1, 2),
    priority=st.none() | st.integers(0, 255),
    correlation_id=TEXT,
    reply_to=TEXT,
    expiration=TEXT,
    message_id=TEXT,
    timestamp=st.none() | st.integers(0, 2**40),
    type=TEXT,
    user_id=TEXT,
    app_id=TEXT,
    cluster_id=TEXT,
)


def header_of(properties: pika.BasicProperties, size: int) -> bytes:
    """Payload of a content header frame."""
    return pika.frame.Header(1, size, properties).marshal()[7:-1]


def read(data: bytes) -> tuple[bytes, bytes]:
    """Header payload and body in encoded content frames."""
    parts = []
    while data:
        length, _ = pika.frame.decode_frame(data)
        parts.append(data[7 : length - 1])
        data = data[length:]
    return parts[0], b"".join(parts[1:])


@given(st.binary(max_size=300), st.integers(1, 2047), st.sampled_from([16, 100, 4096]))
def test_content_passes_unchanged(body: bytes, channel: int, frame_max: int) -> None:
    """Header and body arrive as they were sent, for any channel and frame size."""
    header = header_of(pika.BasicProperties(headers={"message_type": 3}), len(body))
    message = Message(b"\x01e\x01k", header, body)
    for number in (channel, channel, channel + 1):
        assert read(message.content_frames(number, frame_max)) == (header, body)


def test_each_channel_gets_its_own_frames() -> None:
    """A message kept for one channel is not sent to another with the wrong number."""
    message = Message(b"", header_of(pika.BasicProperties(), 4), b"body")
    for channel in (1, 2, 1):
        _, frame = pika.frame.decode_frame(message.content_frames(channel, 4096))
        assert frame.channel_number == channel


@given(PROPERTIES, st.integers(0, 2**63))
def test_whole_property_lists_are_accepted(properties: pika.BasicProperties, size: int) -> None:
    """Every property list that a client can encode passes, and the size is read from it."""
    assert content_size(header_of(properties, size)) == size


@given(PROPERTIES, st.data())
def test_property_lists_cut_short_are_refused(properties: pika.BasicProperties, data: st.DataObject) -> None:
    """A header that ends too early or goes on too long would break its consumers: 501."""
    header = header_of(properties, 1)
    cut = data.draw(st.integers(0, len(header) - 1))
    for broken in (header[:cut], header + b"x"):
        with pytest.raises(ConnectionFault) as caught:
            content_size(broken)
        assert caught.value.code == 501


def test_unknown_properties_are_refused() -> None:
    """A property flag without meaning makes the list unreadable."""
    with pytest.raises(ConnectionFault):
        content_size(struct.pack(">HHQH", 60, 0, 0, 0x0001))


def test_another_class_is_refused() -> None:
    """Only class basic has content."""
    with pytest.raises(ConnectionFault, match="expected content header for class 60, got one for class 61"):
        content_size(struct.pack(">HHQH", 61, 0, 0, 0))


def test_a_timestamp_is_eight_bytes() -> None:
    """The one property of fixed length beside the two octets."""
    stamp = int(datetime(2026, 11, 21, tzinfo=timezone.utc).timestamp())
    assert content_size(header_of(pika.BasicProperties(timestamp=stamp, priority=1), 5)) == 5
