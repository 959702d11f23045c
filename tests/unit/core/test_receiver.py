"""Waiting for replies, without a broker; with one it is tested in tests/contract."""

from __future__ import annotations

import pytest

from dripline.core import MsgRequest, Receiver, SentMessagePackage, op_t
from dripline.errors import ConnectionLost, DriplineError, ReplyTimeout
from dripline.runtime.pending_replies import Answered, PendingReplies


@pytest.fixture
def request_():
    """A request that was sent."""
    return MsgRequest.create({}, op_t.get, "peaches")


@pytest.fixture
def pending(request_):
    """Where its reply will arrive."""
    return PendingReplies().expect(request_)


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


def test_a_silent_service_is_a_reply_if_there_is_no_time_limit(request_, pending):
    """With a time limit, None is returned when it is over."""
    assert Receiver().wait_for_reply(SentMessagePackage(True, pending=pending), 1) is None
    pending.fail(ReplyTimeout("its service does not answer pings"))
    reply = Receiver().wait_for_reply(SentMessagePackage(True, pending=pending))
    assert (reply.return_code, reply.return_message) == (404, "its service does not answer pings")
    assert reply.correlation_id == request_.correlation_id
