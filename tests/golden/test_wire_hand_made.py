"""Good and bad messages made by hand: what is answered, and what is no message."""

from uuid import UUID

import pytest

from dripline.errors import DecodingError
from dripline.wire.body import Joiner
from dripline.wire.codec import incomplete_message
from dripline.wire.enums import op_t


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("raw_msgid_huge_total", "more than 10000 chunks"),
        ("raw_msgid_nonnumeric", "neither UUID nor UUID/chunk/total"),
        ("raw_msgid_out_of_range", "no chunk 5 of 1"),
        ("raw_unknown_msgtype", "message_type 9 is unknown"),
    ],
)
def test_what_is_no_message_is_told_with_its_reason(made_by_hand, case, reason):
    """A message id that cannot be and a kind nobody knows are decoding errors that say so."""
    with pytest.raises(DecodingError, match=reason):
        made_by_hand[case].message()


@pytest.mark.parametrize("case", ["raw_bad_json", "raw_empty_body"])
def test_an_unreadable_body_leaves_a_request_that_can_be_answered(made_by_hand, case):
    """A request without a readable body keeps reply_to and correlation id, and shows what came (302)."""
    capture = made_by_hand[case]
    request = capture.message()
    assert request.is_request()
    assert request.reply_to.startswith("amq.gen-")
    assert len(request.correlation_id) == 36
    assert "not valid JSON" in request.invalid_reason
    assert request.plain_payload == {
        "error": "Message body could not be parsed; skipping request",
        "invalid": capture.body.decode(),
    }


def test_the_payload_of_an_unreadable_body_is_the_references(captures):
    """A service of the reference answers an unreadable body with the same payload as ours."""
    request, reply = [capture.message() for capture in captures if capture.case == "raw_bad_json"]
    assert reply.return_code == 302
    assert request.plain_payload == reply.plain_payload


def test_a_missing_chunk_leaves_a_request_that_can_be_answered(made_by_hand):
    """When the other chunks never come, what came is enough to answer (302)."""
    part = made_by_hand["raw_incomplete_chunks"].part()
    joiner = Joiner(wait_s=1.0)
    assert joiner.add(part, now=5.0) is None
    assert joiner.expired(now=5.9) == []
    (given_up,) = joiner.expired(now=6.0)
    request = incomplete_message(given_up)
    assert request.reply_to.startswith("amq.gen-")
    assert request.invalid_reason == "not all of its 3 chunks came"


def test_a_key_that_is_no_uuid_is_kept_as_a_wrong_one(made_by_hand):
    """A lockout key that cannot be parsed makes the request answerable with 308, not unreadable."""
    request = made_by_hand["raw_invalid_lockout"].message()
    assert not request.lockout_key_valid
    assert request.lockout_key_text == "notauuid"
    assert request.invalid_reason is None


def test_a_key_without_hyphens_is_a_key(made_by_hand):
    """A lockout key may come without hyphens."""
    request = made_by_hand["raw_lockout_nodash"].message()
    assert request.lockout_key == UUID("11111111-2222-3333-4444-555555555555")
    assert request.lockout_key_valid


@pytest.mark.parametrize(
    ("case", "number"), [("raw_run_op8", 8), ("raw_unknown_op", 77), ("raw_no_op", 4294967295)]
)
def test_an_operation_nobody_knows_keeps_its_number(made_by_hand, case, number):
    """An unknown or missing operation is read as unknown, its number kept for the answer."""
    request = made_by_hand[case].message()
    assert request.message_operation is op_t.unknown
    assert request.raw_operation == number


@pytest.mark.parametrize(
    "case",
    [
        "raw_ok",
        "raw_long_ints",
        "raw_no_lockout",
        "raw_no_message_id",
        "raw_bad_message_id",
        "raw_no_sender_info",
        "raw_partial_sender_info",
        "raw_no_specifier",
        "raw_no_timestamp",
        "raw_null_body",
        "raw_content_encoding_utf8",
        "raw_content_type_only",
    ],
)
def test_what_has_a_meaning_is_read(made_by_hand, case):
    """Missing headers with a meaningful default, and any name for the encoding, leave a good get request."""
    request = made_by_hand[case].message()
    assert request.is_request()
    assert request.message_operation is op_t.get
    assert request.invalid_reason is None
    assert request.lockout_key_valid
    assert request.specifier.to_string() == ""
    assert set(request.sender_info) >= {"exe", "hostname", "username", "service_name", "versions"}


@pytest.mark.parametrize(
    ("case", "payload"),
    [
        ("raw_cmd_null_payload", None),
        ("raw_set_array_payload", [1]),
        ("raw_set_empty_values", {"values": []}),
        ("raw_set_no_values", {}),
        ("raw_set_object_value", {"values": [{"a": 1}]}),
        ("raw_set_values_scalar", {"values": 5}),
    ],
)
def test_payloads_of_any_shape_are_read(made_by_hand, case, payload):
    """What shape a payload must have is for the endpoint to say, not for the reader."""
    message = made_by_hand[case].message()
    assert message.invalid_reason is None
    assert message.plain_payload == payload


def test_replies_and_alerts_are_known_as_what_they_are(made_by_hand):
    """A reply or an alert that a service gets by mistake is no request."""
    assert made_by_hand["raw_reply_to_service"].message().is_reply()
    assert made_by_hand["raw_alert_to_service"].message().is_alert()


def test_every_hand_made_message_is_classified(made_by_hand):
    """No input raises anything but a decoding error."""
    refused = set()
    for case, capture in made_by_hand.items():
        try:
            capture.message()
        except DecodingError:
            refused.add(case)
    assert len(refused) == 4
