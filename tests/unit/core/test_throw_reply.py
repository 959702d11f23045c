"""`ThrowReply` as packages use it."""

from __future__ import annotations

import pytest

import scarab
from dripline.core import (
    DL_ResourceError,
    DL_ResourceErrorNoResponse,
    DriplineError,
    Endpoint,
    ThrowReply,
    set_reply_cache,
    throw_dripline_error,
)

from .conftest import get


def reply_to(error):
    """Code and message of the reply that an error leads to."""

    class Throwing(Endpoint):
        def on_get(self):
            raise error

    reply = get(Throwing("x"))
    return reply.return_code, reply.return_message


@pytest.mark.parametrize("code", ["resource_error", DL_ResourceError(), DL_ResourceError, 200])
def test_a_code_is_a_name_an_instance_a_class_or_a_number(code):
    """All the same."""
    assert reply_to(ThrowReply(code, "broken")) == (200, "broken")


@pytest.mark.parametrize("name", ["DriplineGenericDAQError", "message_error_invalid_method", "nonsense"])
def test_a_name_nobody_declared_is_a_service_error(name):
    """With the message given."""
    assert reply_to(ThrowReply(name, "what happened")) == (300, "what happened")


def test_one_argument_that_is_no_code_is_the_message():
    """`raise ThrowReply("the pump is off")`."""
    assert reply_to(ThrowReply("the pump is off")) == (300, "the pump is off")


def test_a_code_alone_says_success():
    """The message's default is the reference's."""
    assert reply_to(ThrowReply("resource_error")) == (200, "Success")
    assert reply_to(ThrowReply()) == (0, "Success")


def test_subclasses_count():
    """A lab has its own kinds."""

    class PumpError(ThrowReply):
        def __init__(self, text):
            ThrowReply.__init__(self, "resource_error_connection", text)

    assert reply_to(PumpError("unplugged")) == (201, "unplugged")


def test_a_payload_is_plain_or_scarabs():
    """It comes with the reply."""
    for payload in ({"a": [1]}, scarab.to_param({"a": [1]})):
        assert ThrowReply("resource_error", "x", payload).payload == {"a": [1]}


def test_a_reply_can_be_prepared():
    """`set_reply_cache` says what the next ThrowReply without arguments says, and only that one."""
    set_reply_cache(DL_ResourceErrorNoResponse(), "silent", {"a": 1})
    assert reply_to(ThrowReply()) == (202, "silent")
    assert reply_to(ThrowReply()) == (0, "Success")


def test_a_dripline_error_can_be_raised_by_a_function():
    """`throw_dripline_error`."""
    with pytest.raises(DriplineError, match="too hot"):
        throw_dripline_error("too hot")
