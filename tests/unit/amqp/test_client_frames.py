"""dripline.amqp.client_frames: each frame is, byte for byte, the one that pika would write."""

from contextlib import nullcontext

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from dripline.amqp import client_frames as frames
from dripline.amqp.field_table import short_string
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
