"""Waiting without a time limit: what ends it and what does not. With brokers it is tested in tests/contract."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from support.waiting import eventually

from dripline.errors import BrokerError, DriplineError, NoRoute, ReplyTimeout
from dripline.runtime.liveness import LifeSigns, LivenessCheck, awaited_by
from dripline.runtime.pending_replies import PING_SUFFIX, PendingReplies, PendingReply
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest

Answer = Callable[[MsgRequest], "MsgReply | Exception | None"]


@pytest.fixture(autouse=True)
def frequent_pings(monkeypatch):
    """So that these tests need not wait for long."""
    monkeypatch.setattr("dripline.runtime.liveness.INTERVAL_S", 0.02)
    monkeypatch.setattr("dripline.runtime.pending_replies._FIRST_CHECK_S", 0.01)


class Mesh:
    """Answers pings.

    Attributes:
        answer: gives a reply, an error that comes back, or None for silence.
        pings: where they were sent to.
    """

    def __init__(self, deliveries) -> None:
        self.answer: Answer = lambda _: None
        self.pings: list[str] = []
        self._deliveries = deliveries
        self.replies = PendingReplies(liveness=LivenessCheck(self._send))

    def _send(self, ping, on_outcome) -> PendingReply:
        ping.reply_to = f"amq.gen-0{PING_SUFFIX}"
        pending = self.replies.expect(ping, on_outcome)
        answer = self.answer(ping)
        self.pings.append(ping.routing_key)
        if isinstance(answer, MsgReply):
            self.replies.deliver(self._deliveries(answer)[0])
        elif isinstance(answer, BrokerError):
            raise answer
        elif answer is not None:
            pending.fail(answer)
        return pending

    def waiting(self, key: str = "peaches") -> Waiting:
        """Wait for a reply on a thread."""
        return Waiting(self.replies.expect(MsgRequest.create(None, op_t.get, key)))

    def reply_to(self, waiting: Waiting) -> None:
        """Let the reply come."""
        self.replies.deliver(self._deliveries(waiting.pending.request.reply(payload="it"))[0])

    def many(self, count: int = 12) -> bool:
        """Wait until so many pings more have been sent."""
        enough = len(self.pings) + count
        return eventually(lambda: len(self.pings) >= enough)


class Waiting:
    """A thread that waits."""

    def __init__(self, pending: PendingReply) -> None:
        self.pending = pending
        self.outcome: object = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self.pending.wait().plain_payload
        except DriplineError as error:
            self.outcome = error

    def end(self) -> object:
        """Wait for the end; returns payload or error."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.outcome


@pytest.fixture
def mesh(deliveries) -> Mesh:
    """A mesh on which nobody answers pings."""
    return Mesh(deliveries)


def ours(held: Callable[[str], bool], is_full: bool = False, address: str = "amq.gen-1") -> Answer:
    """A service of ours that has some requests."""

    def answer(ping: MsgRequest) -> MsgReply:
        awaited = awaited_by(ping) or []
        signs = LifeSigns(address, [key for key in awaited if held(key)], is_full)
        return ping.reply(payload=signs.payload())

    return answer


def everything(_key: str) -> bool:
    """It has all of them."""
    return True


def nothing(_key: str) -> bool:
    """It has none."""
    return False


def test_as_long_as_the_service_has_the_request_it_is_waited_for(mesh):
    """Pings take the way past its queue as soon as that is known."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many()
    mesh.reply_to(waiting)
    assert waiting.end() == "it"
    assert mesh.pings[0] == "peaches"
    assert set(mesh.pings[1:]) == {"amq.gen-1"}
    assert len(mesh.replies) == 0


def test_a_request_that_the_service_does_not_have_is_given_up(mesh):
    """It was lost on its way, or its reply was."""
    mesh.answer = ours(nothing)
    assert isinstance(error := mesh.waiting().end(), ReplyTimeout)
    assert "its service no longer has the request" in str(error)


def test_only_that_request_is_given_up(mesh):
    """Others for the same service are waited for."""
    lost, held = mesh.waiting(), mesh.waiting()
    mesh.answer = ours(lambda key: key == held.pending.request.correlation_id)
    assert isinstance(lost.end(), ReplyTimeout)
    assert mesh.many()
    mesh.reply_to(held)
    assert held.end() == "it"


def test_a_request_may_wait_at_the_broker_for_a_service_with_many(mesh):
    """The service cannot know of it."""
    mesh.answer = ours(nothing, is_full=True)
    waiting = mesh.waiting()
    assert mesh.many()
    mesh.reply_to(waiting)
    assert waiting.end() == "it"


def past_and_through(past: Answer, through: Answer) -> Answer:
    """A service of ours that answers pings past its queue in one way, and those through it in another."""
    return lambda ping: (past if ping.routing_key == "amq.gen-1" else through)(ping)


def test_a_ping_past_the_queue_may_have_overtaken_the_request(mesh):
    """Then one through the queue waits behind the request, and nothing is decided before it is answered."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many(3)
    mesh.answer = past_and_through(ours(nothing), lambda _: None)
    assert mesh.many(24)
    assert set(mesh.pings[-2:]) == {"peaches", "amq.gen-1"}
    mesh.answer = ours(everything)
    assert eventually(lambda: mesh.pings[-4:] == ["amq.gen-1"] * 4), "there is no doubt any more"
    mesh.reply_to(waiting)
    assert waiting.end() == "it"


def test_a_request_that_is_not_in_the_queue_either_is_given_up(mesh):
    """And only that is asked through the queue for."""
    mesh.answer = ours(everything)
    lost, held, other = mesh.waiting(), mesh.waiting(), mesh.waiting("chips")
    assert eventually(lambda: "chips" in mesh.pings and mesh.pings[-3:] == ["amq.gen-1"] * 3)
    mesh.pings.clear()
    mesh.answer = ours(lambda key: key != lost.pending.request.correlation_id)
    assert isinstance(error := lost.end(), ReplyTimeout)
    assert "its service no longer has the request" in str(error)
    assert mesh.pings.count("peaches") >= 2
    assert "chips" not in mesh.pings
    assert mesh.many()
    for each in (held, other):
        mesh.reply_to(each)
        assert each.end() == "it"


def test_a_request_that_is_missing_has_no_queue_either(mesh):
    """The service runs, but its binding was removed: only requests that it does not have are given up."""
    mesh.answer = ours(everything)
    lost, held = mesh.waiting(), mesh.waiting()
    assert mesh.many(3)
    past = ours(lambda key: key == held.pending.request.correlation_id)
    mesh.answer = past_and_through(past, lambda _: NoRoute(""))
    assert isinstance(lost.end(), NoRoute)
    assert mesh.many()
    mesh.reply_to(held)
    assert held.end() == "it"


def test_a_service_that_ceases_to_answer_is_given_up(mesh):
    """If it was one of ours; before that the ping takes the way through its queue again."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many(3)
    mesh.answer = lambda _: None
    assert isinstance(error := waiting.end(), ReplyTimeout)
    assert "has not answered a ping for" in str(error)
    assert mesh.pings[-1] == "peaches"


def test_a_service_that_answers_now_and_then_is_not(mesh):
    """It may be slow."""
    mesh.answer = lambda ping: ours(everything)(ping) if len(mesh.pings) % 4 == 0 else None
    waiting = mesh.waiting()
    assert mesh.many(24)
    mesh.reply_to(waiting)
    assert waiting.end() == "it"


def test_silence_of_a_service_of_another_make_says_nothing(mesh):
    """Nor does a reply of its own kind."""
    for answer in (lambda _: None, lambda ping: ping.reply(), lambda ping: ping.reply(payload=ping.plain_payload)):
        mesh.answer = answer
        waiting = mesh.waiting()
        assert mesh.many()
        mesh.reply_to(waiting)
        assert waiting.end() == "it"
    assert set(mesh.pings) == {"peaches"}


def test_a_ping_that_comes_back_ends_all_waits_for_its_key(mesh):
    """And no others."""
    mesh.answer = lambda ping: NoRoute("") if ping.routing_key == "peaches" else None
    waiting, other = [mesh.waiting() for _ in range(3)], mesh.waiting("chips")
    errors = [each.end() for each in waiting]
    assert all(isinstance(error, NoRoute) and "'peaches'" in str(error) for error in errors)
    assert errors[0] is not errors[1]
    mesh.reply_to(other)
    assert other.end() == "it"


def test_a_service_of_ours_may_have_lost_its_connection_for_a_moment(mesh):
    """One ping that comes back is not enough."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many(3)
    mesh.answer = lambda ping: NoRoute("") if ping.routing_key == "amq.gen-1" else back(ping)

    def back(ping: MsgRequest) -> MsgReply | Exception:
        mesh.answer = ours(everything, address="amq.gen-2")
        return NoRoute("")

    assert eventually(lambda: mesh.pings[-1] == "amq.gen-2")
    mesh.reply_to(waiting)
    assert waiting.end() == "it"
    mesh.answer = lambda _: NoRoute("")
    assert isinstance(mesh.waiting().end(), NoRoute)


def test_a_ping_to_a_former_address_comes_back(mesh):
    """The service has another connection; it may have the request still."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many(3)
    new = ours(everything, address="amq.gen-2")
    mesh.answer = lambda ping: NoRoute("") if ping.routing_key == "amq.gen-1" else new(ping)
    assert eventually(lambda: mesh.pings[-1] == "amq.gen-2")
    mesh.reply_to(waiting)
    assert waiting.end() == "it"


def test_a_ping_that_cannot_be_sent_says_nothing_about_the_service(mesh):
    """The broker may be short of memory for hours."""
    mesh.answer = ours(everything)
    waiting = mesh.waiting()
    assert mesh.many(3)
    mesh.answer = lambda _: BrokerError("it takes no messages for now")
    assert mesh.many(20)
    mesh.reply_to(waiting)
    assert waiting.end() == "it"


def test_requests_for_one_service_share_a_ping(mesh):
    """Also those for different endpoints of it."""
    asked: list[int] = []

    def answer(ping: MsgRequest) -> MsgReply:
        asked.append(len(awaited_by(ping) or []))
        return ours(everything)(ping)

    mesh.answer = answer
    waiting = [mesh.waiting(key) for key in ("peaches", "chips", "peaches.x") for _ in range(5)]
    assert eventually(lambda: asked[-3:] == [15, 15, 15])
    for each in waiting:
        mesh.reply_to(each)
    assert {each.end() for each in waiting} == {"it"}


def test_the_log_says_what_is_awaited_of_a_service_of_another_make(mesh, monkeypatch, caplog):
    """One line for all requests with one routing key; a service of ours is not mentioned."""
    monkeypatch.setattr("dripline.runtime.liveness.TELL_EVERY_S", 0.1)
    mesh.answer = lambda ping: ours(everything)(ping) if ping.routing_key != "chips" else None
    waiting = [mesh.waiting(), mesh.waiting("chips"), mesh.waiting("chips")]
    assert eventually(lambda: "still waiting for 2 replies from 'chips' after" in caplog.text)
    for each in waiting:
        mesh.reply_to(each)
    assert {each.end() for each in waiting} == {"it"}
    assert "peaches" not in caplog.text
