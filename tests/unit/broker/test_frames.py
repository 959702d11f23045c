"""Frame codec: what the broker packs itself is what pika reads, and broken methods are faults with a code."""

from __future__ import annotations

import pika.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.spec import Basic, Connection, Queue

from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import (
    BODY,
    body_frames,
    decode_method,
    describe_frame,
    encode_ack,
    encode_method,
    frame,
    method_index,
)


def test_methods_go_there_and_back() -> None:
    """A method frame holds the method that was encoded."""
    data = encode_method(7, Queue.Bind(queue="q", exchange="requests", routing_key="my_store.#"))
    length, read = pika.frame.decode_frame(data)
    assert length == len(data)
    assert read.channel_number == 7
    assert decode_method(data[7:-1]).routing_key == "my_store.#"
    assert method_index(data[7:-1]) == Queue.Bind.INDEX


@given(st.integers(1, 65535), st.integers(1, 2**64 - 1), st.booleans())
def test_confirms_read_as_basic_ack(channel: int, tag: int, multiple: bool) -> None:
    """The packed confirm is a basic.ack."""
    _, read = pika.frame.decode_frame(encode_ack(channel, tag, multiple))
    assert read.channel_number == channel
    assert (read.method.NAME, read.method.delivery_tag, read.method.multiple) == ("Basic.Ack", tag, multiple)


@given(st.binary(max_size=500), st.integers(20, 200))
def test_bodies_are_cut_to_frame_max(body: bytes, frame_max: int) -> None:
    """Body frames are never longer than agreed, and together are the body."""
    frames = list(body_frames(1, frame_max, body))
    assert all(len(each) <= frame_max for each in frames)
    assert b"".join(each[7:-1] for each in frames) == body
    assert all(each == frame(BODY, 1, each[7:-1]) for each in frames)


def test_an_unknown_method_is_503() -> None:
    """A method nobody knows is told by its numbers."""
    with pytest.raises(ConnectionFault, match=r"unknown method 60\.255") as caught:
        decode_method(b"\x00\x3c\x00\xff")
    assert caught.value.code == 503


def test_arguments_cut_short_are_501() -> None:
    """Arguments that cannot be decoded are shown, as RabbitMQ shows them."""
    with pytest.raises(ConnectionFault, match="cannot decode <<0,0,5,97,98>>") as caught:
        decode_method(b"\x00\x32\x00\x0a\x00\x00\x05ab")
    assert caught.value.code == 501


def test_a_login_is_never_shown() -> None:
    """A start-ok that cannot be decoded is not quoted: it may hold a password."""
    payload = encode_method(0, Connection.StartOk({}, "PLAIN", b"\0guest\0secret", "en_US"))[7:-8]
    with pytest.raises(ConnectionFault) as caught:
        decode_method(payload[:10] + b"\xff" + payload[11:])
    assert caught.value.text == "FRAME_ERROR - cannot decode"


def test_description_of_a_frame() -> None:
    """Long payloads are cut, readable ones shown as text."""
    assert describe_frame(9, b"nonsense") == 'type 9, all octets = <<"nonsense">>'
    assert describe_frame(2, bytes(3)) == "type 2, all octets = <<0,0,0>>"
    assert describe_frame(3, bytes(20)) == f"type 3, first 16 octets = <<{','.join(['0'] * 16)}>>"


@given(st.binary(max_size=80), st.sampled_from([Basic.Consume, Queue.Declare, Queue.Bind, Connection.StartOk]))
def test_any_arguments_are_decoded_or_a_fault(arguments: bytes, kind: type) -> None:
    """Random arguments give a method or a ConnectionFault, nothing else."""
    payload = kind.INDEX.to_bytes(4, "big") + arguments
    try:
        decoded = decode_method(payload)
    except ConnectionFault as fault:
        decoded = fault
    assert (getattr(decoded, "INDEX", 0) or decoded.method) == kind.INDEX
