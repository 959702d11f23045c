"""The exception that is a reply."""

import pytest

import scarab
from dripline.wire.return_codes import ThrowReply, find_by_value, set_reply_cache


def fields(*arguments):
    """Number, message and payload of a `ThrowReply`."""
    thrown = ThrowReply(*arguments)
    return thrown.return_code.value, thrown.return_message, thrown.payload


@pytest.mark.parametrize(
    "code", ["service_error_invalid_value", 304, find_by_value(304), type(find_by_value(304))]
)
def test_a_code_may_be_given_in_many_ways(code):
    """By name, by number, as a code, as its class."""
    assert fields(code, "too hot") == (304, "too hot", None)


def test_a_name_nobody_declared():
    """Is a service error; alone it is the message."""
    assert fields("no_such_code", "words") == (300, "words", None)
    assert fields("something went wrong") == (300, "something went wrong", None)


def test_without_arguments_it_is_a_success():
    """An exception that ends a handler early and well."""
    assert fields() == (0, "Success", None)


def test_what_was_prepared_is_used_once():
    """`set_reply_cache` prepares the next one without arguments."""
    set_reply_cache("resource_error", "prepared", {"a": 1})
    assert fields() == (200, "prepared", {"a": 1})
    assert fields() == (0, "Success", None)


def test_a_payload_may_be_a_scarab_value():
    """It becomes plain Python."""
    assert fields(0, "", scarab.to_param({"a": [1, 2.5]}))[2] == {"a": [1, 2.5]}


def test_its_text_is_the_message():
    """So that a log shows it."""
    assert str(ThrowReply(304, "too hot")) == "too hot"


def test_an_exception_may_be_the_message():
    """Labs write `ThrowReply("resource_error", error)`; the reply carries the error's text."""
    thrown = ThrowReply("resource_error", OSError("no such device"))
    assert thrown.return_message == "no such device"
