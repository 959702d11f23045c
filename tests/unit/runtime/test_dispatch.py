"""dripline.runtime.dispatch: the texts and codes are those that were captured on a real mesh."""

import logging
import uuid

import pytest

from dripline.runtime.dispatch import BROADCAST_COMMANDS, BUILT_IN, Lockout, answer, find_by_routing_key
from dripline.runtime.dispatch import reply_warnings as notes
from dripline.runtime.liveness import LifeSigns, liveness_ping, read_life_signs
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply

KEY = uuid.UUID("11111111-2222-3333-4444-555555555555")
NIL = uuid.UUID(int=0)


class Target:
    """An endpoint that answers with which of its methods was asked."""

    name = "peaches"

    def __init__(self):
        self._dripline_lockout = Lockout()
        self.life_signs = LifeSigns("amq.gen-1", ["a"], False)

    def _dripline_built_in(self, request):
        """What every endpoint has."""
        return BUILT_IN.get((request.message_operation, request.specifier.to_string()))

    def _dripline_life_signs(self, awaited):
        """One of the awaited requests is at work."""
        return self.life_signs

    def do_get_request(self, request):
        """Answer a get."""
        return request.reply(0, "get")

    def do_set_request(self, request):
        """Answer a set."""
        return request.reply(0, "set")

    def do_cmd_request(self, request):
        """Answer a cmd."""
        return request.reply(0, "cmd")


@pytest.fixture
def target():
    """An endpoint."""
    return Target()


@pytest.fixture
def locked(target):
    """An endpoint that somebody has locked."""
    target._dripline_lockout.lock(KEY, {"exe": "/usr/bin/dl-agent", "username": "ada"})
    return target


def request(operation, specifier="", key=None, payload=None):
    """A request that somebody sent."""
    message = MsgRequest.create(payload, operation, "peaches", specifier, "back")
    message.sender_info = {"exe": "/usr/bin/dl-agent"}
    if key is not None:
        message.lockout_key = key
    return message


def told(target, *arguments, **options):
    """Code, message and payload of an answer."""
    reply = answer(target, request(*arguments, **options))
    return reply.return_code, reply.return_message, reply.plain_payload


@pytest.mark.parametrize("operation", [op_t.get, op_t.set, op_t.cmd])
def test_a_request_goes_to_the_method_for_its_operation(target, operation):
    """And what that gives is the reply, addressed to who asked."""
    asked = request(operation, "anything")
    reply = answer(target, asked)
    assert reply.return_message == operation.name
    assert (reply.routing_key, reply.correlation_id) == ("back", asked.correlation_id)


def test_an_operation_nobody_knows(target):
    """306, with its number."""
    unknown = request(op_t.get)
    unknown.raw_operation = 77
    reply = answer(target, unknown)
    assert (reply.return_code, reply.return_message) == (306, "Unrecognized message operation: <77>")


def test_a_request_that_could_not_be_read(target):
    """302, and the payload says what was wrong."""
    invalid = request(op_t.get, payload={"error": "Message body could not be parsed", "invalid": "{not json"})
    invalid.invalid_reason = "no JSON"
    reply = answer(target, invalid)
    assert (reply.return_code, reply.return_message) == (302, "Request message was not valid")
    assert reply.plain_payload["invalid"] == "{not json"


def test_a_key_that_is_no_key(target):
    """308, whatever was asked."""
    wrong = MsgRequest.read(op_t.get, "notauuid")
    wrong._specifier, wrong.correlation_id, wrong._param, wrong._plain = "", "c", None, None
    reply = answer(target, wrong)
    assert (reply.return_code, reply.return_message) == (308, "Lockout key could not be parsed")


def test_ping_says_hello(locked):
    """To the program that asked, also when locked."""
    assert told(locked, op_t.cmd, "ping") == (0, "Hello, /usr/bin/dl-agent", None)


@pytest.mark.parametrize(
    "payload", [{"values": [5]}, {"values": 5}, {"key": "x"}, {"values": [], "force": 1}, [5], 5]
)
def test_built_in_commands_refuse_arguments_that_they_do_not_take(target, payload):
    """304 with the argument, and nothing is done: a key given as a value would not be the key."""
    for command in ("ping", "lock"):
        code, text, _ = told(target, op_t.cmd, command, payload=payload)
        assert (code, command in text) == (304, True)
    assert not target._dripline_lockout.is_locked


def test_unlock_takes_only_force(locked):
    """A typing error is not a silent failure."""
    assert told(locked, op_t.cmd, "unlock", payload={"froce": True}) == (
        304,
        "'unlock' takes only force; unexpected: 'froce'",
        None,
    )
    assert told(locked, op_t.cmd, "unlock", payload={"values": [], "force": True})[0] == 0


def test_a_client_that_waits_learns_which_requests_are_at_work(target):
    """From the reply to its ping; without a service the reply has no payload."""
    ping = liveness_ping("peaches", ["a", "b"])
    assert read_life_signs(answer(target, ping)) == target.life_signs
    target.life_signs = None
    reply = answer(target, ping)
    assert (reply.return_code, reply.plain_payload) == (0, None)


def test_set_condition_does_nothing_by_default(locked):
    """It ignores the lock."""
    expected = (0, "No action taken (this is the default method)", None)
    assert told(locked, op_t.cmd, "set_condition", payload={"values": [5]}) == expected


def test_locking_with_a_key(target):
    """The key is the one given."""
    assert told(target, op_t.cmd, "lock", KEY) == (0, "Server is now locked", {"key": str(KEY)})
    assert target._dripline_lockout.key == KEY


def test_locking_without_a_key(target):
    """One is generated."""
    code, text, payload = told(target, op_t.cmd, "lock")
    assert (code, text) == (0, "Server is now locked")
    assert payload == {"key": str(target._dripline_lockout.key)}
    assert target._dripline_lockout.is_locked


def test_locking_what_is_locked(locked):
    """Denied without the key, useless with it."""
    assert told(locked, op_t.cmd, "lock")[0] == 307
    assert told(locked, op_t.cmd, "lock", KEY) == (200, "Unable to lock server", None)


@pytest.mark.parametrize("operation", [op_t.set, op_t.cmd])
def test_what_a_lock_keeps_out(locked, operation):
    """Set and cmd need the key; the reply names the one that was used."""
    wrong = uuid.uuid4()
    for key in (NIL, wrong):
        assert told(locked, operation, "x", key) == (
            307,
            f"Request denied due to lockout (key used: {key})",
            None,
        )
    assert told(locked, operation, "x", KEY)[0] == 0


def test_what_a_lock_lets_through(locked):
    """Reading is free."""
    assert told(locked, op_t.get)[:2] == (0, "get")


def test_asking_for_the_lock(locked):
    """Who locked it is told; when nobody did, only that."""
    tag = {"exe": "/usr/bin/dl-agent", "username": "ada"}
    assert told(locked, op_t.get, "is-locked") == (0, "Checked lock status", {"is_locked": True, "tag": tag})
    assert told(Target(), op_t.get, "is-locked") == (0, "Checked lock status", {"is_locked": False})


def test_unlocking(locked):
    """With the key it opens, without it does not; opening what is open is a warning."""
    assert told(locked, op_t.cmd, "unlock") == (200, "Failed to unlock server", None)
    assert told(locked, op_t.cmd, "unlock", KEY) == (0, "Server unlocked", None)
    assert told(locked, op_t.cmd, "unlock", KEY) == (1, "Already unlocked", None)


@pytest.mark.parametrize(("force", "code"), [(True, 0), ("true", 200), (1, 200), (False, 200)])
def test_unlocking_by_force(locked, force, code):
    """``force`` opens without the key, if it is true and nothing like it."""
    assert told(locked, op_t.cmd, "unlock", payload={"force": force})[0] == code


def test_a_thrown_reply_is_the_reply(target):
    """Code, message and payload of a `ThrowReply` are sent."""

    def throw(request):
        raise ThrowReply("resource_error", "no answer", {"tried": 3})

    target.do_get_request = throw
    assert told(target, op_t.get) == (200, "no answer", {"tried": 3})


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), SystemExit(1)])
def test_what_a_handler_raises_does_not_end_the_service(target, caplog, error):
    """It becomes return code 999, and is logged."""

    def fail(request):
        raise error

    target.do_get_request = fail
    with caplog.at_level(logging.ERROR):
        assert told(target, op_t.get) == (999, f"{type(error).__name__}: {error}", None)
    assert "unhandled exception" in caplog.text


def test_a_note_makes_a_success_a_warning(target):
    """What a handler leaves is told with code 1; failures keep their own words."""

    def with_note(code):
        def get(request):
            notes.leave("not calibrated")
            return request.reply(code, "own words")

        return get

    target.do_get_request = with_note(0)
    assert told(target, op_t.get)[:2] == (1, "not calibrated")
    target.do_get_request = with_note(304)
    assert told(target, op_t.get)[:2] == (304, "own words")
    target.do_get_request = Target().do_get_request
    assert told(target, op_t.get)[:2] == (0, "get")


def test_notes_belong_to_the_request_they_were_left_for(target):
    """A handler that asks another endpoint of its service keeps its own note and does not get the other's."""
    inner = Target()

    def inner_get(request):
        notes.leave("inner")
        return request.reply()

    def outer_get(request):
        notes.leave("outer")
        assert answer(inner, request).return_message == "inner"
        return request.reply()

    inner.do_get_request, target.do_get_request = inner_get, outer_get
    assert told(target, op_t.get)[:2] == (1, "outer")


def test_a_request_finds_its_endpoint_by_whole_words():
    """The longest name that begins the routing key, or none."""
    endpoints = {"peaches": 1, "peaches.sub": 2, "chips": 3}
    found = {
        key: find_by_routing_key(key, endpoints) for key in ("peaches", "peaches.x", "peaches.sub.y", "chipsy", "")
    }
    assert found == {"peaches": 1, "peaches.x": 1, "peaches.sub.y": 2, "chipsy": None, "": None}


def test_what_may_be_broadcast():
    """The commands that every endpoint answers."""
    assert {"lock", "unlock", "ping", "set_condition"} == BROADCAST_COMMANDS


@pytest.mark.parametrize("given", [None, 5, {"value_raw": 1}, "text"])
@pytest.mark.parametrize("note", [None, "careful"])
def test_a_handler_that_returns_something_else_than_a_reply_is_answered(target, given, note):
    """The client must not wait for nothing."""

    def do_get_request(_request):
        if note:
            notes.leave(note)
        return given

    target.do_get_request = do_get_request
    assert told(target, op_t.get) == (999, "the handler made no reply", None)


def test_a_reply_that_was_made_by_hand_is_addressed_to_the_sender(target):
    """Whatever it was addressed to."""
    target.do_get_request = lambda _: MsgReply(0, "", 5, "elsewhere")
    asked = request(op_t.get)
    reply = answer(target, asked)
    assert (reply.routing_key, reply.correlation_id, reply.plain_payload) == ("back", asked.correlation_id, 5)
