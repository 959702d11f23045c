"""From a stream of bytes to deliveries, returns and confirms."""

import itertools

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from .conftest import Heard, deliver, returned

HEARTBEAT = frame.Heartbeat().marshal()
DELIVER = frame.Method(1, spec.Basic.Deliver("dl.1", 1, False, "requests", "peaches")).marshal()


def wrapped(kind, payload):
    """A frame on channel 1."""
    return bytes([kind, 0, 1]) + len(payload).to_bytes(4, "big") + payload + b"\xce"


def raw(properties):
    """The bytes of properties, as the reader hands them on."""
    return b"".join(properties.encode())


def test_a_delivery_comes_whole_with_what_it_carries(heard):
    """Method, header and body frames become one delivery, with consumer tag, delivery tag, keys and properties."""
    properties = pika.BasicProperties(correlation_id="c", message_id="m/0/1")
    events = heard().feed(deliver(b"[1]", "dl.7", 42, "alerts", "sensor_value.peaches", properties=properties))
    assert events == [("delivery", "dl.7", 42, "alerts", "sensor_value.peaches", raw(properties), b"[1]")]


def test_a_body_of_several_frames_is_put_together(heard):
    """A body longer than a frame arrives as one."""
    body = bytes(range(256)) * 40
    (event,) = heard().feed(deliver(body, frame_max=4096))
    assert event[-1] == body


def test_an_empty_body_needs_no_body_frame(heard):
    """A message without body is complete after its header."""
    (event,) = heard().feed(deliver(b""))
    assert event[-1] == b""


def test_what_came_back_unroutable_says_why(heard):
    """A returned message comes with the broker's code and text."""
    (event,) = heard().feed(returned(b"null", "nobody"))
    assert event[:5] == ("returned", 312, "NO_ROUTE", "requests", "nobody")
    assert event[-1] == b"null"


def test_confirms_are_told_apart(heard):
    """Acks and nacks of publisher confirms come with tag and multiple."""
    frames = (
        frame.Method(2, spec.Basic.Ack(5, True)),
        frame.Method(2, spec.Basic.Ack(6, False)),
        frame.Method(2, spec.Basic.Nack(7, True, True)),
    )
    events = heard().feed(b"".join(part.marshal() for part in frames))
    assert events == [("confirm", 5, True, True), ("confirm", 6, False, True), ("confirm", 7, True, False)]


def test_everything_else_is_handed_on_unread(heard):
    """Heartbeats, and methods that are not of the hot path, go on as they came."""
    others = [
        HEARTBEAT,
        frame.Method(0, spec.Connection.Blocked("low on memory")).marshal(),
        frame.Method(1, spec.Queue.DeclareOk("q", 0, 0)).marshal(),
    ]
    assert heard().feed(b"".join(others)) == [("other", data) for data in others]


def test_channels_do_not_disturb_each_other(heard):
    """Frames of two channels may be mixed."""
    first, second = deliver(b"first", channel=1), deliver(b"second", channel=2)
    cut = first.index(b"first") - 7  # before its body frame
    events = heard().feed(first[:cut] + second + HEARTBEAT + first[cut:])
    assert [event[-1] for event in events] == [b"second", HEARTBEAT, b"first"]


def test_a_broker_may_give_up_in_the_middle(heard):
    """A channel that is closed in the middle of a message loses the message, and the close is handed on."""
    begun = deliver(b"half")[:-8]
    close = frame.Method(1, spec.Channel.Close(541, "INTERNAL_ERROR", 0, 0)).marshal()
    cut = begun.rindex(b"\xce", 0, len(begun) - 4) + 1
    assert heard().feed(begun[:cut] + close) == [("other", close)]


STREAM = b"".join(
    (
        deliver(b"one", number=1),
        HEARTBEAT,
        deliver(b"", number=2, channel=3),
        returned(b"back"),
        frame.Method(2, spec.Basic.Ack(5, True)).marshal(),
        deliver(b"x" * 300, number=3, frame_max=108),
        frame.Method(0, spec.Connection.Unblocked()).marshal(),
    )
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_the_cuts_of_the_stream_do_not_matter(cuts):
    """However the bytes are split on their way, the same things are heard."""
    split = Heard()
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(edges):
        split.feed(STREAM[start:end])
    assert split.events == Heard().feed(STREAM)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_is_a_value_error_and_nothing_else(pieces):
    """Bytes that are no AMQP are refused, or wait for more; nothing else is raised."""
    feed_all(pieces)


@given(st.data())
def test_damaged_frames_are_value_errors_and_nothing_else(data):
    """Whatever single bytes are changed in a good stream, the worst that happens is ValueError."""
    damaged = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    feed_all([bytes(damaged)])


@given(st.sampled_from([0x3C003C, 0x3C0032, 0x3C0050, 0x3C0078]), st.binary(max_size=40), st.binary(max_size=40))
def test_damaged_methods_are_value_errors_and_nothing_else(method, payload, properties):
    """Whatever stands in a deliver, return, ack or nack."""
    method = method.to_bytes(4, "big") + payload
    header = (60).to_bytes(4, "big") + (0).to_bytes(6, "big") + b"\0\0" + properties
    feed_all([wrapped(1, method) + wrapped(2, header)])


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (deliver()[:-1] + b"x", "0xCE"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "larger"),
        (deliver(b"x" * 5000), "larger"),
        (deliver(b"abc").replace(b"\0\0\0\x03abc", b"\0\0\0\x04abcd"), "announced"),
        (DELIVER + wrapped(3, b"x"), "announced"),
        (DELIVER + 2 * wrapped(2, bytes(11) + b"\x05\0\0"), "one too many"),
        (DELIVER + wrapped(2, b"short"), "header"),
        (wrapped(1, b"\0\x3c\0\x50" + b"short"), "confirm"),
    ],
)
def test_a_broken_stream_cannot_go_on(heard, stream, reason):
    """What breaks the rules of AMQP is refused, with the reason."""
    with pytest.raises(ValueError, match=reason):
        heard(max_frame=4096).feed(stream)


def test_a_body_may_be_too_long(heard):
    """More than the limit is refused when it is announced, before it is kept."""
    with pytest.raises(ValueError, match="limit 1000"):
        heard(max_body=1000).feed(deliver(b"x" * 1001))


def feed_all(pieces):
    """Feed a reader until it has enough."""
    reader = Heard()
    try:
        for piece in pieces:
            reader.feed(piece)
    except ValueError:
        pass
