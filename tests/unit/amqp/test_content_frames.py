"""dripline.amqp.content: each frame is, byte for byte, the one that pika would write."""

from contextlib import nullcontext

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from dripline.amqp import content as frames
from dripline.amqp.properties import short_string
from dripline.errors import EncodingError

CHANNELS = st.integers(1, 65535)
NAMES = st.text(max_size=60).filter(lambda text: len(text.encode()) < 256)


@given(CHANNELS, NAMES, NAMES, st.binary(max_size=300), st.booleans(), st.integers(50, 400))
def test_publish(channel, exchange, key, body, mandatory, frame_max):
    """Method, header, and as many body frames as the size that was agreed on needs."""
    properties = pika.BasicProperties(content_encoding="application/json", message_id="m/0/1")
    room = frame_max - 8
    expected = [
        frame.Method(channel, spec.Basic.Publish(0, exchange, key, mandatory)),
        frame.Header(channel, len(body), properties),
        *(frame.Body(channel, body[at : at + room]) for at in range(0, len(body), room)),
    ]
    built = frames.publish_frames(
        channel,
        short_string(exchange),
        key,
        b"".join(properties.encode()),
        body,
        mandatory=mandatory,
        frame_max=frame_max,
    )
    assert built == b"".join(part.marshal() for part in expected)


def test_headers_that_do_not_fit_in_a_frame():
    """They cannot be divided: the message is refused before a broker ends the connection because of it."""
    for size, fits in ((8192 - 8 - 12, True), (8192 - 8 - 11, False)):
        with nullcontext() if fits else pytest.raises(EncodingError, match=r"8184"):
            frames.publish_frames(1, b"\0", "key", b"x" * size, b"", mandatory=False, frame_max=8192)


@given(CHANNELS, st.integers(0, 2**64 - 1))
def test_ack(channel, delivery_tag):
    """One delivery is acknowledged, not those before it."""
    expected = frame.Method(channel, spec.Basic.Ack(delivery_tag, False)).marshal()
    assert frames.ack_frame(channel, delivery_tag) == expected


@given(CHANNELS, NAMES, NAMES, NAMES)
def test_bind(channel, queue, exchange, key):
    """Bindings need no answer, so that ten thousand of them are one write."""
    expected = frame.Method(channel, spec.Queue.Bind(0, queue, exchange, key, True, {})).marshal()
    assert frames.bind_frame(channel, short_string(queue), short_string(exchange), key) == expected


@given(st.integers(1, 65535), st.integers(1, 2**64 - 1), st.booleans())
def test_confirms_read_as_basic_ack(channel: int, tag: int, multiple: bool) -> None:
    """The packed confirm is a basic.ack."""
    _, read = frame.decode_frame(frames.ack_frame(channel, tag, multiple))
    assert read.channel_number == channel
    assert (read.method.NAME, read.method.delivery_tag, read.method.multiple) == ("Basic.Ack", tag, multiple)


@given(st.binary(max_size=500), st.integers(20, 200))
def test_bodies_are_cut_to_frame_max(body: bytes, frame_max: int) -> None:
    """Body frames are never longer than agreed, and together are the body."""
    pieces = list(frames.body_frames(1, frame_max, body))
    assert all(len(each) <= frame_max for each in pieces)
    assert b"".join(each[7:-1] for each in pieces) == body
    assert all(each == frames.frame(frames.BODY, 1, each[7:-1]) for each in pieces)
