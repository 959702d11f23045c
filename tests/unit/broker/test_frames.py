"""Methods in frames: broken ones are faults with a code."""

from __future__ import annotations

import pika.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.spec import Basic, Connection, Queue

from dripline.amqp.content import encode_method
from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import decode_method, describe_frame, method_index


def test_methods_go_there_and_back() -> None:
    """A method frame holds the method that was encoded."""
    data = encode_method(7, Queue.Bind(queue="q", exchange="requests", routing_key="my_store.#"))
    length, read = pika.frame.decode_frame(data)
    assert length == len(data)
    assert read.channel_number == 7
    assert decode_method(data[7:-1]).routing_key == "my_store.#"
    assert method_index(data[7:-1]) == Queue.Bind.INDEX


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
