"""What one side sends the other side reads: any payload, any chunk size, any order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
payloads = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
keys = st.text(max_size=60)


@settings(deadline=None)
@given(payloads, st.integers(1, 50), st.randoms())
def test_any_payload_arrives_in_chunks_of_any_size_and_order(received, payload, size, rng):
    """Also when characters are cut."""
    alert = MsgAlert.create(payload, "sensor_value.peaches")
    arrived = received(alert, size, lambda parts: rng.sample(parts, len(parts)))
    assert arrived.invalid_reason is None
    assert arrived.plain_payload == payload
    assert arrived.routing_key == "sensor_value.peaches"


@settings(deadline=None)
@given(st.sampled_from([op_t.set, op_t.get, op_t.cmd, op_t.unknown]), keys, keys, keys, st.none() | st.uuids())
def test_a_request_arrives_as_it_was(received, operation, routing_key, specifier, reply_to, key):
    """Operation, addresses, specifier, key, identity."""
    request = MsgRequest.create(None, operation, routing_key, specifier, reply_to)
    if key is not None:
        request.lockout_key = key
    arrived = received(request)
    assert arrived.message_operation is operation
    assert (arrived.routing_key, arrived.reply_to) == (routing_key, reply_to)
    assert arrived.specifier == specifier
    assert arrived.lockout_key == request.lockout_key
    assert arrived.correlation_id == request.correlation_id
    assert arrived.message_id == request.message_id
    assert arrived.sender_info == request.sender_info
    assert str(arrived) == str(request)


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), st.text())
def test_a_reply_arrives_as_it_was(received, code, text):
    """Code, text and whose answer it is."""
    reply = MsgRequest.create(reply_to="back").reply(code, text, {"a": 1})
    arrived = received(reply)
    assert isinstance(arrived, MsgReply)
    assert (arrived.return_code, arrived.return_message) == (code, text)
    assert arrived.correlation_id == reply.correlation_id
    assert arrived.encode_full_message() == reply.encode_full_message()
