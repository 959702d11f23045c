"""Waiting for replies, without a broker; with one it is tested in tests/contract."""

from __future__ import annotations

import pytest

from dripline.core import MsgRequest, Receiver, SentMessagePackage, op_t, receiver
from dripline.core.sent_message import Answered
from dripline.runtime.inbox import PendingReply
from dripline.wire.errors import ConnectionLost, DriplineError


@pytest.fixture
def request_():
    """A request that was sent."""
    return MsgRequest.create({}, op_t.get, "peaches")


@pytest.fixture
def pending(request_):
    """Where its reply will arrive."""
    return PendingReply(request_, lambda _: None)


def test_a_reply_that_is_there_is_given(request_):
    """A service's own endpoint has answered on the spot."""
    reply = request_.reply(0, "", {"a": 1})
    sent = SentMessagePackage(True, pending=Answered(request_, reply))
    assert Receiver().wait_for_reply(sent, 1) is reply
    assert Receiver().wait_for_reply(sent) is reply


def test_a_message_that_was_not_sent_has_no_reply():
    """Its error says why it was not."""
    with pytest.raises(DriplineError, match="no reply to wait for: the broker is away"):
        Receiver().wait_for_reply(SentMessagePackage(False, "the broker is away"))


def test_a_cancelled_receiver_may_be_used_again(request_, pending):
    """After `reset_cancel`, for other requests."""
    waiter = Receiver()
    waiter.cancel()
    assert waiter.wait_for_reply(SentMessagePackage(True, pending=pending)) is None
    waiter.reset_cancel()
    reply = request_.reply()
    assert waiter.wait_for_reply(SentMessagePackage(True, pending=Answered(request_, reply))) is reply


def test_a_lost_connection_is_a_reply_with_its_reason(request_, pending):
    """Which belongs to the request."""
    pending.fail(ConnectionLost("gone"))
    reply = Receiver().wait_for_reply(SentMessagePackage(True, pending=pending))
    assert (reply.return_code, reply.return_message) == (101, "gone")
    assert reply.correlation_id == request_.correlation_id


def test_a_long_wait_is_told(pending, monkeypatch, caplog):
    """A script that waits without limit says what for."""
    monkeypatch.setattr(receiver, "_TELL_AFTER_S", 0.01)
    monkeypatch.setattr(pending, "wait", _third_time(pending.wait))
    Receiver().wait_for_reply(SentMessagePackage(True, pending=pending))
    assert caplog.text.count("still waiting after") == 2
    assert "no reply from 'peaches'" in caplog.text


def _third_time(wait):
    calls = []

    def wait_or_lose(timeout_s):
        calls.append(timeout_s)
        if len(calls) > 2:
            raise ConnectionLost("gone")
        return wait(timeout_s)

    return wait_or_lose
