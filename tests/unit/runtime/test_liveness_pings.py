"""What pings that members send by themselves contain, and what is made of the replies of others."""

import pytest

from dripline.runtime.liveness import (
    PROBE,
    LifeSigns,
    awaited_by,
    is_automatic,
    liveness_ping,
    read_life_signs,
)
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

SIGNS = LifeSigns("amq.gen-1", ["a"], True)


def ping(payload=None):
    """A ping as anybody may send it."""
    return MsgRequest.create(payload, op_t.cmd, "peaches", "ping")


def test_a_service_reads_which_requests_a_client_waits_for():
    """Their correlation ids."""
    sent = liveness_ping("peaches", {"a": 1, "b": 2})
    assert (sent.routing_key, sent.message_operation, str(sent.specifier)) == ("peaches", op_t.cmd, "ping")
    assert awaited_by(sent) == ["a", "b"]


@pytest.mark.parametrize("payload", [None, PROBE, {}, {"values": []}, [1], "awaited", 5, {"awaited": "a"}])
def test_other_pings_do_not_ask_for_that(payload):
    """They are answered as they always were."""
    assert awaited_by(ping(payload)) is None


def test_what_cannot_be_a_correlation_id_is_left_out():
    """Of whatever kind it is."""
    assert awaited_by(ping({"awaited": ["a", {}, None, 3]})) == ["a"]


def test_a_client_reads_the_reply_of_a_service_of_ours():
    """Its address, and which requests it has."""
    assert read_life_signs(ping().reply(payload=SIGNS.payload())) == SIGNS


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "Hello",
        [],
        {"values": [1]},
        {**SIGNS.payload(), "self_check": 1},
        {**SIGNS.payload(), "address": ""},
        {**SIGNS.payload(), "address": None},
        {**SIGNS.payload(), "address": "é" * 128},
        {**SIGNS.payload(), "held": None},
        liveness_ping("peaches", ["a"]).plain_payload,
    ],
)
def test_other_replies_come_from_services_of_another_make(payload):
    """Also from those that send back what they have got."""
    assert read_life_signs(ping().reply(payload=payload)) is None


def test_monitors_know_which_messages_members_send_by_themselves():
    """Pings and the replies to them."""
    automatic = [ping(PROBE), liveness_ping("peaches", []), ping().reply(payload=SIGNS.payload())]
    assert all(is_automatic(message) for message in automatic)
    assert not any(is_automatic(ping(payload)) for payload in (None, {}, {"self_check": 1}, [PROBE], "self_check"))
