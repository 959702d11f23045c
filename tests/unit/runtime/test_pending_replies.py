"""Replies find those who wait for them."""

import gc
import threading

import pytest

from dripline.errors import ConnectionLost, DecodingError, NoRoute, ReplyTimeout
from dripline.runtime.pending_replies import PING_SUFFIX, PendingReplies
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgRequest


@pytest.fixture
def replies():
    """An empty replies."""
    return PendingReplies()


@pytest.fixture
def request_():
    """A request."""
    return MsgRequest.create(None, op_t.get, "peaches")


def test_a_reply_finds_who_waits_for_it(replies, request_, deliveries):
    """By its correlation id, from another thread."""
    pending = replies.expect(request_)
    (delivery,) = deliveries(request_.reply(0, "", {"value_raw": 1}))
    threading.Timer(0.02, replies.deliver, (delivery,)).start()
    reply = pending.wait(30)
    assert reply.plain_payload == {"value_raw": 1}
    assert pending.arrived
    assert len(replies) == 0


def test_a_long_reply_is_put_together(replies, request_, deliveries):
    """Chunks may come in any order."""
    pending = replies.expect(request_)
    parts = deliveries(request_.reply(0, "", "x" * 1000), 100)
    for part in reversed(parts):
        assert not pending.arrived
        replies.deliver(part)
    assert pending.wait(0).plain_payload == "x" * 1000


def test_many_requests_do_not_get_each_others_replies(replies, deliveries):
    """Replies may come in any order."""
    requests = [MsgRequest.create(None, op_t.get, "peaches") for _ in range(10)]
    waiting = [replies.expect(request) for request in requests]
    for number, request in reversed(list(enumerate(requests))):
        replies.deliver(deliveries(request.reply(0, "", number))[0])
    assert [pending.wait(0).plain_payload for pending in waiting] == list(range(10))


def test_no_reply_is_a_timeout_and_one_may_wait_on(replies, request_, deliveries):
    """The error names who did not answer; a reply that comes later is still there for who waits again."""
    pending = replies.expect(request_)
    with pytest.raises(ReplyTimeout, match="'peaches' within 0 s"):
        pending.wait(0)
    replies.deliver(deliveries(request_.reply())[0])
    assert pending.wait(0).return_code == 0


def test_a_ping_to_itself_is_no_reply(replies, deliveries):
    """A service whose handler waits for an endpoint of its own sends pings to its own reply queue."""
    others: list[object] = []
    replies.on_other = others.append
    ping = MsgRequest.create(None, op_t.cmd, "amq.gen-1", "ping", reply_to=f"amq.gen-1{PING_SUFFIX}")
    pending = replies.expect(ping, lambda _: None)
    replies.deliver(deliveries(ping)[0])
    assert len(others) == 1
    assert not pending.arrived
    replies.deliver(deliveries(ping.reply())[0])
    assert pending.arrived


def test_a_request_that_comes_back_has_no_route(replies, request_, returned):
    """It is told at once; only requests of this replies are taken."""
    pending = replies.expect(request_)
    assert replies.returned(returned(request_))
    with pytest.raises(NoRoute, match="'peaches'"):
        pending.wait(0)
    assert len(replies) == 0
    assert not replies.returned(returned(MsgRequest.create(None, op_t.get, "chips")))


def test_all_chunks_of_a_request_may_come_back(replies, request_, returned):
    """A long request nobody is bound for is one failure."""
    request_.plain_payload = "x" * 300
    pending = replies.expect(request_)
    assert all(replies.returned(part) for part in returned(request_, 100))
    with pytest.raises(NoRoute):
        pending.wait(0)


def test_the_end_of_the_connection_ends_all_waits(replies):
    """Each gets an error of its own."""
    waiting = [replies.expect(MsgRequest.create(None, op_t.get, "peaches")) for _ in range(2)]
    replies.fail(ConnectionLost("gone"))
    errors = []
    for pending in waiting:
        with pytest.raises(ConnectionLost, match="gone") as caught:
            pending.wait(0)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert len(replies) == 0


def test_what_nobody_waits_for_is_forgotten(replies, request_, deliveries, returned):
    """Letting go of a pending reply is enough: requests without interest in the reply leave nothing behind."""
    pending = replies.expect(request_)
    del pending
    gc.collect()
    assert len(replies) == 0
    replies.deliver(deliveries(request_.reply())[0])
    assert not replies.returned(returned(request_))


def test_the_same_request_may_be_sent_again(replies, request_, deliveries):
    """Letting go of the first attempt does not make the second one deaf."""
    pending = replies.expect(request_)
    pending = replies.expect(request_)
    gc.collect()
    replies.deliver(deliveries(request_.reply(0, "", 5))[0])
    assert pending.wait(0).plain_payload == 5


def test_a_reply_without_correlation_id_belongs_to_the_only_request(replies, request_, deliveries):
    """Some services leave it out; with two requests under way nobody can tell whose it is."""
    reply = request_.reply(0, "", "mine")
    reply.correlation_id = ""
    other = replies.expect(MsgRequest.create(None, op_t.get, "chips"))
    pending = replies.expect(request_)
    replies.deliver(deliveries(reply)[0])
    assert not pending.arrived
    del other
    replies.deliver(deliveries(reply)[0])
    assert pending.wait(0).plain_payload == "mine"


def test_an_answer_that_is_no_reply(replies, request_, deliveries):
    """What has the right correlation id and is something else ends the wait with an error."""
    alert = MsgAlert.create("news", "back")
    alert.correlation_id = request_.correlation_id
    pending = replies.expect(request_)
    replies.deliver(deliveries(alert)[0])
    with pytest.raises(DecodingError, match=r"invalid reply from 'peaches' .* is 4 \(alert\)"):
        pending.wait(0)


def test_an_answer_with_an_impossible_message_id(replies, request_, deliveries):
    """Damage is told to who waits, not to the thread that reads."""
    (delivery,) = deliveries(request_.reply())
    delivery.properties.message_id = "a/7/3"
    pending = replies.expect(request_)
    replies.deliver(delivery)
    with pytest.raises(DecodingError, match="no chunk 7 of 3"):
        pending.wait(0)


def test_replies_nobody_expects_are_dropped(replies, request_, deliveries):
    """A late or foreign reply disturbs nobody."""
    replies.deliver(deliveries(request_.reply())[0])
    assert len(replies) == 0
