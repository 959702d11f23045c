"""Sending requests, and what becomes of replies."""

from __future__ import annotations

from uuid import UUID

import pytest

import scarab
from dripline.core import RequestSender, op_t
from dripline.errors import ErrorReply

KEY = UUID("11111111-2222-3333-4444-555555555555")


class Sender(RequestSender):
    """Keeps requests and answers them all alike."""

    def __init__(self, code=0, message="", payload=None):
        self.answer = (code, message, payload)
        self.requests = []
        self.timeouts = []

    def _dripline_exchange(self, request, timeout_s):
        self.requests.append(request)
        self.timeouts.append(timeout_s)
        return request.reply(*self.answer)


def sent(sender):
    """The last request."""
    request = sender.requests[-1]
    return request.message_operation, request.routing_key, str(request.specifier), request.plain_payload


def test_a_get_has_no_payload():
    """And perhaps a specifier."""
    sender = Sender(payload={"value_raw": 1})
    assert sender.get("peaches") == {"value_raw": 1}
    assert sent(sender) == (op_t.get, "peaches", "", None)
    sender.get("peaches", "log_interval")
    assert sent(sender) == (op_t.get, "peaches", "log_interval", None)


def test_a_set_has_one_value():
    """Of any kind, payload values included."""
    sender = Sender()
    for value in (1.5, None, [1, 2], {"a": 1}, "x"):
        sender.set("peaches", value)
        assert sent(sender) == (op_t.set, "peaches", "", {"values": [value]})
    sender.set("peaches", scarab.to_param({"a": [1]}), "spec")
    assert sent(sender) == (op_t.set, "peaches", "spec", {"values": [{"a": [1]}]})


def test_a_cmd_has_ordered_and_keyed_arguments():
    """`values` is always there, as with the reference's client."""
    sender = Sender()
    sender.cmd("peaches", "ping")
    assert sent(sender) == (op_t.cmd, "peaches", "ping", {"values": []})
    sender.cmd("peaches", "on_set", [1, scarab.to_param(2)], {"force": True})
    assert sent(sender) == (op_t.cmd, "peaches", "on_set", {"values": [1, 2], "force": True})


@pytest.mark.parametrize(
    ("ordered", "values"),
    [
        (5, [5]), (0, [0]), (False, [False]), ("abc", ["abc"]), ({"a": 1}, [{"a": 1}]), (None, []),
        ((1, 2), [1, 2]), (scarab.to_param([1, 2]), [1, 2]), (scarab.ParamValue(5), [5]), (range(2), [0, 1]),
    ],
)  # fmt: skip
def test_ordered_arguments_that_are_no_list(ordered, values):
    """A single value is a single argument; a text is not taken apart."""
    sender = Sender()
    sender.cmd("x", "y", ordered)
    assert sender.requests[0].plain_payload == {"values": values}


@pytest.mark.parametrize("key", [KEY, str(KEY), KEY.hex])
def test_a_lockout_key_is_a_uuid_or_a_text(key):
    """It travels with the request."""
    sender = Sender()
    sender.get("x", lockout_key=key)
    sender.set("x", 1, lockout_key=key)
    sender.cmd("x", "y", lockout_key=key)
    assert {request.lockout_key for request in sender.requests} == {KEY}


def test_a_lockout_key_that_is_none_is_refused():
    """Before anything is sent; without a key the request would be another one."""
    sender = Sender()
    with pytest.raises(RuntimeError, match="a lockout key is a UUID"):
        sender.get("x", lockout_key="12")
    assert not sender.requests


@pytest.mark.parametrize(
    ("constructor", "call", "used"),
    [
        (None, {}, None),
        (0, {}, None),
        (None, {"timeout_s": None}, None),
        (None, {"timeout_s": 0}, None),
        (None, {"timeout_s": 0.5}, 0.5),
        (3, {}, 3),
        (3, {"timeout_s": None}, 3),
        (3, {"timeout_s": 0}, 3),
        (3, {"timeout_s": -1}, 3),
        (3, {"timeout_s": 0.5}, 0.5),
        (3, {"timeout_s": float("inf")}, None),
        ("60", {}, 60),
    ],
)
def test_a_time_limit_is_that_of_the_call_or_else_that_of_the_constructor(constructor, call, used):
    """None, 0 and a missing argument are the same: no limit."""
    sender = Sender()
    sender.timeout_s = constructor
    sender.get("x", **call)
    sender.set("x", 1, **call)
    sender.cmd("x", "y", **call)
    assert sender.timeouts == [used] * 3


@pytest.mark.parametrize("wrong", ["soon", [1], float("nan")])
def test_a_time_limit_is_a_number(wrong):
    """Otherwise nothing is sent."""
    sender = Sender()
    with pytest.raises(TypeError, match="timeout_s is a number of seconds, or None for no limit, not"):
        sender.get("x", timeout_s=wrong)
    with pytest.raises(TypeError, match="timeout_s is a number of seconds"):
        RequestSender(timeout_s=wrong)
    assert not sender.requests


def test_warnings_are_no_errors():
    """Codes below 100 are successes with a caveat."""
    assert Sender(1, "careful", 5).get("x") == 5


def test_an_error_code_raises_what_came_with_it():
    """Code, name, message and payload."""
    with pytest.raises(ErrorReply, match=r"too hot \[304 service_error_invalid_value\]") as caught:
        Sender(304, "too hot", {"limit": 5}).get("x")
    error = caught.value
    assert (error.return_code, error.name, error.message, error.payload) == (
        304, "service_error_invalid_value", "too hot", {"limit": 5},
    )  # fmt: skip


def test_without_confirm_retcodes_it_does_not():
    """The payload is all that is given."""
    sender = Sender(304, "too hot", {"limit": 5})
    sender.confirm_retcodes = False
    assert sender.get("x") == {"limit": 5}
