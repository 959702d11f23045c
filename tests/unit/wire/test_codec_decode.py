"""Messages read, good ones and others (hand-made real ones: see tests/golden)."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.errors import DecodingError
from dripline.wire.body import read_part
from dripline.wire.codec import incomplete_message, read_message
from dripline.wire.enums import op_t
from dripline.wire.message import Message

KEY = "11111111-2222-3333-4444-555555555555"


def test_a_request_is_read(read):
    """All of its properties and headers."""
    request = read(
        {"message_type": 3, "message_operation": 0, "specifier": "s", "timestamp": "t", "lockout_key": KEY},
        b'{"values":[1]}',
    )
    assert request.is_request()
    assert request.message_operation is op_t.set
    assert (request.routing_key, request.specifier_text, request.timestamp) == ("peaches", "s", "t")
    assert (request.reply_to, request.correlation_id) == ("back", "c")
    assert request.message_id == "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    assert request.lockout_key_text == KEY
    assert request.plain_payload == {"values": [1]}
    assert request.payload["values"][0].as_value().as_int() == 1


def test_a_reply_is_read(read):
    """With code and text."""
    reply = read({"message_type": 2, "return_code": 200, "return_message": "no"})
    assert reply.is_reply()
    assert (reply.return_code, reply.return_message, reply.plain_payload) == (200, "no", None)


def test_the_kind_is_guessed_where_it_is_not_told(read):
    """Some services answer without message_type."""
    assert read({"return_code": 0}).is_reply()
    assert read({"message_operation": 1}).is_request()
    with pytest.raises(DecodingError, match="no message_type"):
        read({"specifier": ""})


@pytest.mark.parametrize("kind", ["3", 3.0, True, b"3", [3], {}])
def test_the_kind_must_be_an_integer(read, kind):
    """A bool is none, nor is text."""
    with pytest.raises(DecodingError, match="not an integer"):
        read({"message_type": kind})


@pytest.mark.parametrize("headers", [None, "text", 5])
def test_without_headers_it_is_no_message(read, headers):
    """What other programs publish on the exchange is told apart."""
    with pytest.raises(DecodingError, match="no headers"):
        read(headers)


@pytest.mark.parametrize("code", [None, "0", True, 1.5])
def test_a_reply_without_a_code_is_an_unhandled_exception(read, code):
    """999, as real clients take it."""
    assert read({"message_type": 2, "return_code": code}).return_code == 999


def test_text_may_come_as_bytes(read):
    """AMQP has a type for that, and text that is not UTF-8 comes so, too."""
    request = read({"message_type": 3, "specifier": b"caf\xe9"}, correlation_id=b"\xff")
    assert request.specifier_text == "caf\ufffd"
    assert request.correlation_id == "\ufffd"


@pytest.mark.parametrize("header", ["specifier", "return_message"])
def test_text_must_not_be_something_else(read, header):
    """A number in the place of a specifier is refused by name."""
    with pytest.raises(DecodingError, match=f"{header} is int 5, no string"):
        read({"message_type": 2, header: 5})


@pytest.mark.parametrize("key", [5, [KEY], b"x", True])
def test_a_key_that_is_no_text_is_a_wrong_key(read, key):
    """The request stays answerable."""
    assert not read({"message_type": 3, "lockout_key": key}).lockout_key_valid


@pytest.mark.parametrize("key", [None, "", "00000000-0000-0000-0000-000000000000"])
def test_no_key_is_no_wrong_key(read, key):
    """Missing, void, empty and all zeros are the same."""
    assert read({"message_type": 3, "lockout_key": key}).lockout_key_valid


def test_missing_properties_are_empty(read):
    """No correlation id and no reply_to is a message to which no reply is sent."""
    request = read({"message_type": 3}, correlation_id=None, reply_to=None, message_id=None)
    assert (request.correlation_id, request.reply_to, request.message_id) == ("", "", "")


@pytest.mark.parametrize("info", [None, "x", 5, {}, {"exe": "x"}])
def test_the_sender_always_has_its_five_entries(read, info):
    """What a peer does not tell about itself is empty."""
    sender = read({"message_type": 4, "sender_info": info}).sender_info
    assert sender["hostname"] == sender["username"] == sender["service_name"] == ""
    assert sender["versions"] == {}
    assert sender["exe"] == ("x" if info == {"exe": "x"} else "")


def test_a_timestamp_of_another_type_is_left_out(read):
    """It only informs people."""
    assert read({"message_type": 4, "timestamp": datetime.datetime.now(datetime.timezone.utc)}).timestamp == ""


def test_an_unreadable_body_is_told(read):
    """In `invalid_reason` and in the payload; the encoding may explain it."""
    alert = read({"message_type": 4}, b"\xff", content_encoding="gzip")
    assert alert.invalid_reason == "not UTF-8: invalid start byte at byte 0; its content_encoding is 'gzip'"
    assert alert.plain_payload["invalid"] == "\ufffd"
    assert "invalid" in alert.payload


def test_only_the_beginning_of_an_unreadable_body_is_kept(read):
    """An answer must not be as long as the nonsense it answers."""
    assert len(read({"message_type": 4}, b"x" * 100_000).plain_payload["invalid"]) == 10_000


def test_an_incomplete_message_shows_what_came(fake_properties):
    """So that a request can be answered with 302."""
    part = read_part(fake_properties({"message_type": 3}, message_id="u/1/3"), b"[1,", "peaches")
    request = incomplete_message(part)
    assert request.is_request()
    assert request.invalid_reason == "not all of its 3 chunks came"
    assert request.plain_payload["invalid"] == "[1,"


odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
odd = st.recursive(odd, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
header_names = st.sampled_from(
    [
        "message_type",
        "message_operation",
        "specifier",
        "timestamp",
        "lockout_key",
        "return_code",
        "return_message",
        "sender_info",
    ]
)
kinds = st.sampled_from([2, 3, 4]) | odd


@settings(deadline=None)
@given(
    st.dictionaries(header_names | st.text(), odd) | odd,
    kinds,
    st.none() | st.text() | st.binary() | st.from_regex(r"[a-z]*/[0-9]{1,6}/[0-9]{1,6}", fullmatch=True),
    odd,
    odd,
    st.binary(),
)
def test_garbage_raises_nothing_but_decoding_errors(
    fake_properties, headers, kind, message_id, correlation_id, content_encoding, body
):
    """Whatever peers put into properties, a message comes out or a reason."""
    if isinstance(headers, dict):
        headers["message_type"] = kind
    properties = fake_properties(headers, message_id, correlation_id, None, content_encoding)
    try:
        message = read_message(read_part(properties, body, "peaches"), body)
    except DecodingError:
        return
    assert isinstance(message, Message)
    assert str(message)
    assert message.encode_full_message()


def test_hostile_tables_raise_nothing_but_decoding_errors(read):
    """A table in tables in tables, where a text or a number should be."""
    deep = {}
    for _ in range(100_000):
        deep = {"": deep}
    for header in ("message_type", "specifier", "return_message"):
        with pytest.raises(DecodingError, match=f"{header} is dict"):
            read({"message_type": 2, header: deep})
    request = read({"message_type": 3, "lockout_key": deep, "timestamp": deep, "message_operation": deep})
    assert request.message_operation is op_t.unknown


def test_a_specifier_of_absurd_length_makes_the_request_invalid(read):
    """It is answered with 302, and not repeated in the reply."""
    message = read({"message_type": 3, "message_operation": 1, "specifier": "x" * 100_000})
    assert message.invalid_reason == "a specifier of 100000 characters, more than 10000"
    assert len(message.specifier_text) == 10_000
