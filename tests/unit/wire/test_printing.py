"""Messages printed (byte for byte against real ones: see tests/golden)."""

import json
from datetime import timedelta

from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.printing import to_document, to_json


def test_a_message_that_was_never_sent_can_be_printed():
    """No timestamp and no sender yet."""
    text = str(MsgRequest.create(routing_key="peaches"))
    assert text.startswith("Routing key: peaches\n")
    assert "\nTimestamp: \nSender Info:\n\tExecutable: \n" in text
    assert text.endswith(
        "Payload: null\nLockout Key: 00000000-0000-0000-0000-000000000000\n"
        "Lockout Key Valid: 1\nMessage Operation: 4294967295\n"
    )


def test_a_wrong_key_is_seen_in_print(read):
    """The number behind `Lockout Key Valid` is 0."""
    request = read({"message_type": 3, "lockout_key": "notauuid"})
    assert "Lockout Key Valid: 0\n" in str(request)


def test_versions_are_printed_in_order_with_empty_parts():
    """What a version entry lacks is printed as empty."""
    alert = MsgAlert.create()
    alert.sender_info = {"exe": "x", "versions": {"b": {"version": "2"}, "a": {"version": "1", "commit": "c"}}}
    assert (
        "\tVersions:\n\t\ta:\n\t\t\tVersion: 1\n\t\t\tCommit: c\n\t\t\tPackage: \n"
        "\t\tb:\n\t\t\tVersion: 2\n\t\t\tCommit: \n\t\t\tPackage: \n"
    ) in str(alert)


def test_whatever_a_peer_calls_its_sender_can_be_printed():
    """A sender_info of any shape does no harm."""
    alert = MsgAlert.create()
    for odd in ({}, {"versions": 5}, {"versions": {"a": None}}, {"exe": b"\xff"}):
        alert.sender_info = odd
        assert "Sender Info:" in str(alert)
        assert json.loads(to_json(alert))["message_type"] == 4


def test_the_document_depends_on_the_kind():
    """Replies have a return code, requests an operation, alerts neither."""
    assert "return_code" not in to_document(MsgAlert.create())
    assert to_document(MsgReply.create(5, "five"))["return_message"] == "five"
    assert to_document(MsgRequest.create())["message_operation"] == 4294967295
    assert to_document(Message())["message_type"] == 4294967295


def test_what_json_cannot_hold_is_printed_as_text():
    """Printing never fails on a payload."""
    alert = MsgAlert.create({"a": timedelta(seconds=1), "b": float("nan")})
    assert json.loads(to_json(alert))["payload"] == {"a": "0:00:01", "b": "nan"}
    assert "    a : 0:00:01\n    b : nan\n" in str(alert)


def test_indenting_makes_it_pretty():
    """Four spaces a level and a space behind the colon, as the reference prints it."""
    assert '\n    "message_type": 4,\n' in to_json(MsgAlert.create(), indent=4)
    assert "\n" not in to_json(MsgAlert.create({"text": "a\nb"}))
