"""Requests as other peers write them, good and bad: a service of ours answers what it can, and goes on.

The variants are those that were tried on services of the reference; what those accept must be answered here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dripline.core import Service

from .meshes import fresh_mesh, serving
from .replayer import SENDER, Replayer
from .typed import Typed, decode_properties, typed

GET, SET = 1, 0


class House(NamedTuple):
    """A service and a peer of it."""

    service: Service
    peer: Replayer


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def running_house(request: pytest.FixtureRequest) -> Iterator[House]:
    """One for all tests on a broker."""
    with fresh_mesh(request.getfixturevalue(request.param)) as mesh:
        chips = {"name": "chips", "module": "KeyValueStore"}
        with serving(
            Service(mesh.name("my_store"), endpoints=[chips], message_wait_ms=50, **mesh.login)
        ) as service:
            peer = Replayer(mesh)
            yield House(service, peer)
            peer.close()


@pytest.fixture
def house(running_house: House) -> House:
    """The service with its first value."""
    running_house.service.sync_children["chips"].on_set(1.75)
    return running_house


@pytest.fixture
def peer(house: House) -> Replayer:
    """The peer."""
    return house.peer


def without(key: str) -> Typed:
    """Information about a sender that lacks something."""
    return typed({name: value for name, value in SENDER.items() if name != key})


ACCEPTED: dict[str, dict[str, Any]] = {
    **{f"message_type as {kind}": {"message_type": Typed(kind, 3)} for kind in "IilbBsu"},
    **{f"message_operation as {kind}": {"message_operation": Typed(kind, GET)} for kind in "IilbBsu"},
    "specifier missing": {"specifier": None},
    "timestamp free text": {"timestamp": "this morning"},
    "lockout_key empty": {"lockout_key": ""},
    "lockout_key without hyphens": {"lockout_key": "11111111222233334444555555555555"},
    "lockout_key with braces": {"lockout_key": "{11111111-2222-3333-4444-555555555555}"},
    "sender_info with empty versions": {"sender_info": typed({**SENDER, "versions": {}})},
    "sender_info with another key": {"sender_info": typed({**SENDER, "mood": "fine"})},
    "sender_info with a number as exe": {"sender_info": typed({**SENDER, "exe": 5})},
    "a header nobody knows": {"colour": "red"},
    "content_type besides content_encoding": {"content_type": "application/json"},
    "message_id that begins with no UUID": {"message_id": "x/0/1"},
    "delivery_mode": {"delivery_mode": 2},
}
# The reference drops these without a word. They say what they mean all the same.
ANSWERED_BY_US: dict[str, dict[str, Any]] = {
    "message_type as L": {"message_type": Typed("L", 3)},
    "message_type missing": {"message_type": None},
    "specifier void": {"specifier": Typed("V", None)},
    "timestamp as AMQP timestamp": {"timestamp": Typed("T", 1700000000)},
    "timestamp void": {"timestamp": Typed("V", None)},
    "lockout_key void": {"lockout_key": Typed("V", None)},
    "lockout_key missing": {"lockout_key": None},
    **{f"sender_info without {key}": {"sender_info": without(key)} for key in SENDER},
    "sender_info missing": {"sender_info": None},
    "sender_info as text": {"sender_info": "me"},
    "sender_info with a version without version": {
        "sender_info": typed({**SENDER, "versions": {"x": {"commit": "1"}}})
    },
    "sender_info with a void exe": {"sender_info": Typed("F", {"exe": Typed("V", None)})},
    "no content_encoding": {"content_encoding": None},
    "content_encoding in capitals": {"content_encoding": "APPLICATION/JSON"},
    "content_encoding utf-8": {"content_encoding": "utf-8"},
    "message_id with a slash in its first part": {"message_id": "a/b/0/1"},
    "message_id a bare UUID": {"message_id": str(uuid.uuid4())},
    "message_id missing": {"message_id": None},
}
DROPPED: dict[str, dict[str, Any]] = {
    "message_type as text": {"message_type": "3"},
    "message_type as double": {"message_type": Typed("d", 3.0)},
    "message_type of nobody": {"message_type": 9},
    "specifier as table": {"specifier": typed({"a": 1})},
    "no headers": {"headers": {}},
    "headers absent": {"headers": None},
    "message_id counted from 1": {"message_id": "x/1/1"},
    "message_id with a total of 0": {"message_id": "x/0/0"},
    "message_id with a huge total": {"message_id": "x/0/4000000000"},
    "message_id with a huge index": {"message_id": "x/99999999999999999999/3"},
    "message_id with words": {"message_id": "x/y/z"},
}


@pytest.mark.parametrize(
    "changes", [*ACCEPTED.values(), *ANSWERED_BY_US.values()], ids=[*ACCEPTED, *ANSWERED_BY_US]
)
def test_a_variant_is_answered(peer, changes):
    """A get in another spelling gives the value, with the request's correlation id."""
    request = peer.request("chips", GET, **changes)
    reply = peer.ask(request)
    assert reply is not None, "no reply"
    assert (reply.headers["return_code"], reply.body) == (0, b'{"value_raw":1.75}')
    assert (
        decode_properties(reply.properties)["correlation_id"]
        == decode_properties(request.properties)["correlation_id"]
    )


@pytest.mark.parametrize("changes", DROPPED.values(), ids=list(DROPPED))
def test_what_is_no_request_is_dropped_with_one_line(peer, changes, caplog):
    """Two of these ended the reference's service."""
    assert peer.ask(peer.request("chips", GET, **changes)) is None
    records = [record for record in caplog.records if record.name.startswith("dripline")]
    assert [record.levelname for record in records] == ["WARNING"]
    assert records[0].exc_info is None


def test_a_request_without_correlation_id_gets_a_reply_without(peer):
    """An empty one."""
    peer.send(peer.request("chips", GET, correlation_id=None))
    assert decode_properties(peer.receive().properties)["correlation_id"] == ""


def test_a_request_without_reply_to_is_done_and_not_answered(house):
    """A set takes effect."""
    assert house.peer.ask(house.peer.request("chips", SET, b'{"values":[5]}', reply_to=None)) is None
    assert house.service.sync_children["chips"]._value == 5


def test_a_message_id_may_be_used_again(peer):
    """Replaying a message is not for the service to judge; the reference remembers every id for ever."""
    request = peer.request("chips", GET)
    assert peer.ask(request) is not None
    assert peer.ask(request) is not None


def test_a_specifier_in_bytes_is_text(peer):
    """AMQP's byte arrays hold text often enough."""
    reply = peer.ask(peer.request("chips", GET, specifier=Typed("x", b"name")))
    assert reply.payload == {"values": ["chips"]}


def test_a_specifier_in_any_script_is_answered(peer):
    """It comes back in the message."""
    reply = peer.ask(peer.request("chips", GET, specifier="é"))
    assert reply.headers["return_message"] == "endpoint chips has no attribute é, unable to get"


def test_an_operation_that_is_no_integer_is_answered(peer):
    """306: it is a request, only nobody knows what for."""
    reply = peer.ask(peer.request("chips", GET, message_operation=Typed("d", 1.0)))
    assert reply.headers["return_code"] == 306


@pytest.mark.parametrize("key", ["notauuid", "{", "1", Typed("i", 5), typed({"a": 1})])
def test_a_lockout_key_that_is_none_is_answered_with_308(peer, key):
    """Whatever type it has."""
    reply = peer.ask(peer.request("chips", SET, b'{"values":[5]}', lockout_key=key))
    assert (reply.headers["return_code"], reply.headers["return_message"]) == (
        308,
        "Lockout key could not be parsed",
    )


@pytest.mark.parametrize(
    "body", [b" {\n} ", b'{"values":["\xc3\xa9"]}', b"null", b"[]", b"5", b'"x"', b'{"values":[[[[]]]]}']
)
def test_any_json_is_a_body(peer, body):
    """A get does not care about it."""
    assert peer.ask(peer.request("chips", GET, body)).payload == {"value_raw": 1.75}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{not json",
        b"{}{}",
        b"NaN",
        b'{"values":[NaN]}',
        b'{"values":[1e400]}',
        b"[1,]",
        b"{} // a comment",
        b'{"values":["\xe9"]}',  # Latin-1; the reference takes it, and cannot say what it means
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 20_000,
    ],
    ids=lambda body: ascii(body[:18]),
)
def test_what_is_no_json_is_answered_with_302(peer, body):
    """With a beginning of the body, and at once: deep nesting took the reference seconds, or ended it."""
    reply = peer.ask(peer.request("chips", GET, body))
    assert (reply.headers["return_code"], reply.headers["return_message"]) == (
        302,
        "Request message was not valid",
    )


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**64, 10**40])
def test_any_whole_number_can_be_kept(peer, number):
    """Numbers beyond 64 bits ended the reference's service."""
    assert peer.ask(peer.request("chips", SET, b'{"values":[%d]}' % number)).headers["return_code"] == 0
    assert peer.ask(peer.request("chips", GET)).payload == {"value_raw": number}


def test_a_reply_key_that_is_no_text_does_no_harm(house, caplog):
    """It cannot be answered, and holds up nobody: a hundred of them would have filled the window otherwise."""
    for _ in range(120):
        house.peer.send(house.peer.request("chips", GET, reply_to=b"\xff" * 255))
    assert house.peer.ask(house.peer.request("chips", GET)) is not None
    assert "longer than the 255 bytes AMQP allows" in caplog.text
    assert "Traceback" not in caplog.text
