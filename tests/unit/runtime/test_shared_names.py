"""Who else answers to a name, as replies to probes show it."""

from __future__ import annotations

import pytest

from dripline.runtime.shared_names import SharedNames, other_service, some
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgRequest

from .conftest import SENDER


@pytest.fixture
def answer(deliveries, monkeypatch):
    """A reply of a service to the probe of a name: `answer(name, service)`."""

    def reply_of(name: str, service: str):
        monkeypatch.setitem(SENDER, "service_name", service)
        (delivery,) = deliveries(MsgRequest.create(None, op_t.cmd, name, "ping", "replies").reply())
        return name, delivery

    return reply_of


def test_names_are_grouped_by_the_other_service(answer) -> None:
    """And each is reported once, until everything is looked at again."""
    shared = SharedNames("ours")
    for name in ("b", "a", "a"):
        shared.on_reply(*answer(name, "theirs"))
    shared.on_reply(*answer("c", "third"))
    first, second = shared.report()
    assert first.startswith("requests for 'a' and 'b' also reach service 'theirs' on lab; ")
    assert second.startswith("requests for 'c' also reach service 'third' on lab; ")
    shared.on_reply(*answer("a", "theirs"))
    assert shared.report() == []
    shared.forget()
    shared.on_reply(*answer("a", "theirs"))
    assert len(shared.report()) == 1


def test_what_does_not_count(answer, deliveries) -> None:
    """A reply of the service itself, as of a former instance, and what is no reply."""
    shared = SharedNames("ours")
    shared.on_reply(*answer("a", "ours"))
    (alert,) = deliveries(MsgAlert.create(1, "a"))
    shared.on_reply("a", alert)
    shared.on_reply("a", alert._replace(body=b"{"))
    assert shared.report() == []


def test_a_peer_that_gives_no_name(deliveries) -> None:
    """Its host is named at least."""
    reply = MsgRequest.create(None, op_t.cmd, "a", "ping").reply()
    reply.sender_info = {"hostname": "lab\n7"}
    assert other_service(reply, "ours") == "a service on lab\\n7"
    reply.sender_info = {}
    assert other_service(reply, "ours") == "a service on an unknown host"


def test_few_names_are_listed_many_are_counted() -> None:
    """One line, whatever it is about."""
    assert some(["a"]) == "'a'"
    assert some(["a", "b"]) == "'a' and 'b'"
    assert some(list("abcde")) == "'a' and 'b' and 'c' and 2 more"
