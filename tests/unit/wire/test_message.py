"""Requests, replies and alerts as Python objects."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import scarab
from dripline.wire.enums import msg_t, op_t
from dripline.wire.identifiers import NIL_UUID, Specifier
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest
from dripline.wire.return_codes import DL_ServiceErrorInvalidValue


def test_a_request_has_defaults():
    """An empty request: nothing known but a fresh correlation id and the nil key."""
    request = MsgRequest.create()
    assert request.is_request()
    assert not request.is_reply()
    assert not request.is_alert()
    assert request.message_type is msg_t.request
    assert request.message_operation is op_t.unknown
    assert request.payload.is_null()
    assert (request.routing_key, request.reply_to, request.timestamp) == ("", "", "")
    assert request.specifier.to_string() == ""
    assert request.encoding.name == "json"
    assert len(request.correlation_id) == 36
    assert request.lockout_key == NIL_UUID
    assert request.lockout_key_valid
    assert request.invalid_reason is None


def test_a_reply_that_could_not_be_sent_gives_its_claim_back():
    """Otherwise neither a second attempt nor another reply could answer the request."""
    request = MsgRequest.create(None, op_t.get, "peaches", reply_to="amq.gen-1")
    first, second = request.reply(305), request.reply(0)
    assert first.claim()
    assert not second.claim()
    first.release()
    assert not request.is_claimed
    assert second.claim()


def test_a_request_holds_what_it_was_made_of():
    """All arguments, by position as scripts give them."""
    payload = scarab.ParamNode()
    payload.add("p1", scarab.ParamValue(1))
    request = MsgRequest.create(payload, op_t.get, "peaches", "calibration", "back")
    assert request.payload.count("p1") == 1
    assert request.plain_payload == {"p1": 1}
    assert request.message_operation is op_t.get
    assert (request.routing_key, str(request.specifier), request.reply_to) == ("peaches", "calibration", "back")


def test_two_requests_are_told_apart():
    """Each has a correlation id of its own."""
    assert MsgRequest.create().correlation_id != MsgRequest.create().correlation_id


def test_a_payload_is_plain_python_or_a_param():
    """Whatever it was given as, both views are there."""
    alert = MsgAlert.create(payload={"value_raw": 1.5}, routing_key="sensor_value.peaches")
    assert alert.plain_payload == {"value_raw": 1.5}
    assert alert.payload["value_raw"].as_double() == 1.5
    alert = MsgAlert.create(payload=scarab.to_param([1, 2]))
    assert alert.plain_payload == [1, 2]


def test_a_change_of_the_param_view_counts():
    """From its first use on, `payload` is the truth."""
    alert = MsgAlert.create(payload={"a": 1})
    alert.payload["b"] = 2
    assert alert.plain_payload == {"a": 1, "b": 2}
    alert.payload = {"c": 3}
    assert alert.payload.to_python() == {"c": 3}
    alert.plain_payload = 5
    assert alert.payload.as_value().as_int() == 5


def test_what_json_cannot_hold_is_text_in_the_param_view():
    """The view shows what will be sent."""
    alert = MsgAlert.create(payload={"interval": timedelta(seconds=10)})
    assert alert.payload["interval"].as_string() == "0:00:10"


def test_a_specifier_is_given_as_text_or_specifier():
    """Both are the same, also later."""
    request = MsgRequest.create(specifier=Specifier("a.b"))
    assert request.specifier_text == "a.b"
    request.specifier = "c"
    assert request.specifier == Specifier("c")


def test_a_lockout_key_is_a_uuid_or_its_text():
    """Set as either, read as UUID; anything else is a RuntimeError."""
    request = MsgRequest.create()
    key = uuid.uuid4()
    request.lockout_key = key
    assert request.lockout_key == key
    request.lockout_key = key.hex
    assert request.lockout_key == key
    assert request.lockout_key_text == str(key)
    request.lockout_key = ""
    assert request.lockout_key == NIL_UUID
    for wrong in ("notauuid", 5, None):
        with pytest.raises(RuntimeError, match="a lockout key is a UUID"):
            request.lockout_key = wrong


def test_a_key_that_came_and_is_none_opens_nothing():
    """An unreadable key reads as nil and is marked."""
    request = MsgRequest.read(op_t.get, "notauuid")
    assert request.lockout_key == NIL_UUID
    assert not request.lockout_key_valid


def test_an_operation_can_be_changed():
    """And one nobody knows keeps its number."""
    request = MsgRequest.create(msg_op=op_t.get)
    request.message_operation = op_t.cmd
    assert request.raw_operation == 9
    request.raw_operation = 77
    assert request.message_operation is op_t.unknown


def test_a_reply_goes_where_the_request_wants_it():
    """`reply` takes correlation id and address over."""
    request = MsgRequest.create(reply_to="back")
    reply = request.reply(304, "too hot", {"limit": 5})
    assert reply.is_reply()
    assert (reply.return_code, reply.return_message) == (304, "too hot")
    assert reply.plain_payload == {"limit": 5}
    assert reply.routing_key == "back"
    assert reply.correlation_id == request.correlation_id
    plain = request.reply()
    assert (plain.return_code, plain.return_message, plain.plain_payload) == (0, "", None)


def test_a_reply_can_be_made_of_its_parts_or_of_a_request():
    """The fourth argument is a routing key or the request that is answered."""
    reply = MsgReply.create(1005, "a message", scarab.ParamValue(87), "hey", "heyy.11")
    assert (reply.routing_key, reply.specifier_text, reply.correlation_id) == ("hey", "heyy.11", "")
    assert reply.payload.is_value()
    request = MsgRequest.create(reply_to="back")
    answer = MsgReply.create(2005, "another", None, request)
    assert (answer.routing_key, answer.correlation_id) == ("back", request.correlation_id)
    assert answer.specifier_text == ""


def test_a_return_code_may_be_given_as_such():
    """`DL_…()` in place of its number."""
    assert MsgReply.create(DL_ServiceErrorInvalidValue(), "x").return_code == 304


def test_an_alert_has_a_correlation_id():
    """As real peers give it one."""
    alert = MsgAlert.create({"a": 1}, "hey", "heyy.1")
    assert alert.is_alert()
    assert len(alert.correlation_id) == 36
    assert (alert.routing_key, alert.specifier_text) == ("hey", "heyy.1")


def test_a_message_can_be_written_as_json():
    """`encode_full_message` is one line of JSON with everything."""
    for message in (MsgRequest.create(99), MsgReply.create(payload=99), MsgAlert.create(99)):
        document = json.loads(message.encode_full_message())
        assert document["payload"] == 99
        assert document["message_type"] == message.message_type


def test_a_request_is_answered_once():
    """Whichever thread is first; a reply knows the request that it was made from."""
    request = MsgRequest.create(None, op_t.get, "peaches")
    replies = [request.reply(payload=number) for number in range(50)]
    assert not request.is_claimed
    with ThreadPoolExecutor(50) as threads:
        assert sum(threads.map(lambda reply: reply.claim(), replies)) == 1
    assert request.is_claimed
    assert not replies[0].claim()
    assert not request.claim()


def test_a_reply_without_a_request_may_be_sent_as_often_as_one_likes():
    """Nobody knows what it answers, until a request adopts a copy of it."""
    reply = MsgReply.create(0, "", 5, "elsewhere")
    assert reply.claim()
    assert reply.claim()
    request = MsgRequest.create(None, op_t.get, "peaches", reply_to="back")
    adopted = request.adopt(reply)
    assert (adopted.routing_key, adopted.correlation_id, adopted.plain_payload) == (
        "back",
        request.correlation_id,
        5,
    )
    assert (reply.routing_key, adopted.claim(), request.adopt(reply).claim()) == ("elsewhere", True, False)
