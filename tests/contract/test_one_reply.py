"""One reply to each request, on both brokers: whatever handlers, time limits and laboratories' code do."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from support.waiting import eventually

from dripline.config.mesh import MeshSettings
from dripline.core import Endpoint, MsgReply, MsgRequest, Service, ThrowReply, op_t
from dripline.errors import ConnectionLost
from dripline.runtime.client import MeshClient
from dripline.runtime.link import MeshLink

from .meshes import Mesh, fresh_mesh, serving


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


class Replies:
    """All replies that come to an address, also second ones."""

    def __init__(self, mesh: Mesh) -> None:
        settings = {"broker": mesh.address.host, "broker_port": mesh.address.port, **mesh.settings}
        self.all: list[MsgReply] = []
        self.address = f"replies-{uuid.uuid4().hex}"
        self.client = MeshClient(MeshSettings(**settings))
        self.client.monitor([self.address], [], self.all.append)

    def ask(self, name: str, operation: op_t = op_t.get, specifier: str = "") -> MsgRequest:
        """Send a request, without waiting for its reply."""
        request = MsgRequest.create(None, operation, name, specifier, self.address)
        self.client.link.send_request(request, expect_reply=False)
        return request

    def come(self, count: int) -> list[MsgReply]:
        """Wait for so many replies, and return them."""
        assert eventually(lambda: len(self.all) >= count, 60)
        return self.all[:count]


@pytest.fixture
def replies(mesh) -> Iterator[Replies]:
    """Where they come."""
    replies = Replies(mesh)
    with replies.client:
        yield replies


class NearTheLimit(Endpoint):
    """Its handlers end at about the time limit."""

    def on_get(self):
        """Take a little less or more than `handler_timeout` and what its check takes."""
        time.sleep(random.uniform(0.19, 0.24))


def test_a_handler_that_ends_near_its_time_limit_is_answered_once(mesh, replies):
    """By itself or by the time limit, never by both."""
    names = [mesh.name(f"near{number}") for number in range(12)]
    service = Service(mesh.name("house"), handler_timeout=0.2, **mesh.login)
    for name in names:
        service.add_async_child(NearTheLimit(name))
    with serving(service):
        asked = [replies.ask(name) for _ in range(15) for name in names]
        replies.come(len(asked))
    counts = Counter(reply.correlation_id for reply in replies.all)
    assert counts == dict.fromkeys((request.correlation_id for request in asked), 1)


class Own(Endpoint):
    """Answers in a way of its own; the payload is the name of that way."""

    def on_request_message(self, a_request):
        """Look the way up in the specifier."""
        return getattr(self, a_request.specifier.to_string())(a_request)

    def sent_and_handed_on(self, request):
        """Send a reply, and let the base class answer as well."""
        self.service.send(request.reply(payload="mine"))
        return Endpoint.on_request_message(self, request)

    def sent_twice(self, request):
        """Send one reply twice."""
        reply = request.reply(payload="mine")
        assert self.service.send(reply).successful_send
        again = self.service.send(reply)
        assert not again.successful_send
        assert "has been answered already" in again.send_error_message
        return reply

    def made_by_hand(self, request):
        """Make a reply without its request, and let the base class answer as well."""
        reply = MsgReply.create(0, "", "mine", request.reply_to)
        reply.correlation_id = request.correlation_id
        self.service.send(reply)
        return Endpoint.on_request_message(self, request)

    def on_two_threads(self, request):
        """Send replies from two threads at the same time."""
        barrier = threading.Barrier(2)

        def send() -> None:
            barrier.wait(30)
            self.service.send(request.reply(payload="mine"))

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    def only_returned(self, request):
        """Return a reply and do not send it."""
        return request.reply(payload="mine")

    def raised(self, request):
        """Fail."""
        raise RuntimeError("mine")

    def thrown(self, request):
        """Throw a reply."""
        raise ThrowReply("resource_error", "mine", "mine")


@pytest.mark.parametrize(
    ("way", "code", "payload"),
    [
        ("sent_and_handed_on", 0, "mine"),
        ("sent_twice", 0, "mine"),
        ("made_by_hand", 0, "mine"),
        ("on_two_threads", 0, "mine"),
        ("only_returned", 0, "mine"),
        ("raised", 999, None),
        ("thrown", 200, "mine"),
    ],
)
def test_a_laboratorys_own_way_of_answering_gives_one_reply(mesh, replies, way, code, payload):
    """A second one would be taken for the reply to something else; without one the client waits for nothing."""
    service = Service(mesh.name("house"), **mesh.login)
    service.add_child(Own("own"))
    with serving(service):
        first = replies.ask("own", op_t.cmd, way)
        last = replies.ask(service.name, op_t.get, "is-locked")
        came = replies.come(2)
    assert [reply.correlation_id for reply in replies.all] == [first.correlation_id, last.correlation_id]
    assert (came[0].return_code, came[0].plain_payload) == (code, payload)


def test_a_handler_replies_although_the_reply_of_its_time_limit_was_not_sent(mesh, replies, monkeypatch):
    """The connection was away at that moment and is back when the handler ends."""
    send, refused = MeshLink.send_packed_reply, threading.Event()

    def refuse(link, envelopes, ack=None):
        if not refused.is_set():
            refused.set()
            raise ConnectionLost("away")
        send(link, envelopes, ack)

    class Patient(Endpoint):
        def on_get(self):
            assert refused.wait(30)
            time.sleep(0.2)
            return "done"

    service = Service(mesh.name("house"), handler_timeout=0.1, **mesh.login)
    service.add_child(Patient("patient"))
    with serving(service):
        assert eventually(service._dripline_is_ready)
        monkeypatch.setattr(MeshLink, "send_packed_reply", refuse)
        asked = replies.ask("patient")
        (reply,) = replies.come(1)
    assert (reply.correlation_id, reply.return_code, reply.plain_payload) == (asked.correlation_id, 0, "done")


def test_a_broadcast_is_answered_once(mesh, replies):
    """By the service; its endpoints are silent."""
    service = Service(mesh.name("house"), handler_timeout=0.2, **mesh.login)
    for number in range(50):
        service.add_child(Endpoint(f"endpoint_{number}"))
    with serving(service):
        asked = replies.ask("broadcast", op_t.cmd, "lock")
        last = replies.ask(service.name, op_t.get, "is-locked")
        replies.come(2)
    assert [reply.correlation_id for reply in replies.all] == [asked.correlation_id, last.correlation_id]
