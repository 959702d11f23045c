"""Replies that came back unroutable get another try."""

import logging

import pytest

from dripline.errors import ConnectionLost
from dripline.runtime import reply_sender
from dripline.runtime.reply_sender import ReplyRetry
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest


class Line:
    """Stands where the connection is, and remembers."""

    def __init__(self):
        self.later = []
        self.published = []
        self.broken = False

    def call_later(self, delay_s, callback):
        """Remember what is due."""
        self.later.append((delay_s, callback))

    def publish(self, exchange, envelopes):
        """Remember what is sent."""
        if self.broken:
            raise ConnectionLost("gone")
        self.published.append((exchange, envelopes))

    def pass_time(self):
        """Let everything that is due later happen."""
        for _, callback in self.later:
            callback()


@pytest.fixture
def line():
    """A connection."""
    return Line()


@pytest.fixture
def reply():
    """A reply to somebody."""
    reply = MsgRequest.create(None, op_t.get, "peaches").reply(0, "", 1)
    reply.routing_key = "late-queue"
    return reply


def test_a_reply_that_came_back_is_sent_again_as_it_was(line, reply, returned):
    """After 50 ms, byte for byte."""
    back = returned(reply)
    ReplyRetry().returned(line, back)
    assert line.published == []
    line.pass_time()
    assert [delay for delay, _ in line.later] == [0.05]
    ((exchange, (envelope,)),) = line.published
    assert (exchange, *envelope) == ("requests", "late-queue", back.properties.raw, back.body)


def test_it_is_given_up_after_the_third_time(line, reply, returned, caplog):
    """Sooner or later nobody is there any more, and that is logged."""
    tries, back = ReplyRetry(), returned(reply)
    for _ in range(3):
        tries.returned(line, back)
    assert [delay for delay, _ in line.later] == [0.05, 0.2]
    assert "could not be delivered" in caplog.text


def test_a_request_is_never_sent_again(line, returned, caplog):
    """Nobody waits for it any longer, so it must not be carried out now."""
    ReplyRetry().returned(line, returned(MsgRequest.create(None, op_t.set, "peaches")))
    assert line.later == []
    assert "nobody on the mesh is bound for 'peaches'" in caplog.text


def test_a_connection_that_is_gone_by_then(line, reply, returned, caplog):
    """The reply is lost with it; nothing is raised on the thread that reads."""
    ReplyRetry().returned(line, returned(reply))
    line.broken = True
    with caplog.at_level(logging.DEBUG):
        line.pass_time()
    assert "could not be sent again: gone" in caplog.text


def test_a_flood_of_unroutable_replies_is_bounded(line, reply, returned):
    """Not more than so many are remembered."""
    tries = ReplyRetry()
    for _ in range(reply_sender._REMEMBERED + 10):
        tries.returned(line, returned(reply))  # each has a message id of its own
    assert len(tries._tries) == reply_sender._REMEMBERED
