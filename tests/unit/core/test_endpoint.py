"""Endpoints: what they answer, to whom, and what they survive."""

from __future__ import annotations

import sys

import pytest

from dripline.core import DriplineError, Endpoint, MsgAlert, MsgReply, MsgRequest, Service, op_t

from .conftest import cmd, get


class Angry(Endpoint):
    """Raises what it is told."""

    def __init__(self, error):
        Endpoint.__init__(self, "angry")
        self.error = error

    def on_get(self):
        """Raise it."""
        raise self.error


def test_an_endpoint_ignores_keywords_it_does_not_know():
    """Several bases can be given the same arguments."""
    assert Endpoint("x", colour="red").name == "x"


def test_attributes_may_be_set_before_the_base_is_initialized():
    """Packages do so; nothing of it is lost."""

    class Early(Endpoint):
        def __init__(self, **kwargs):
            self.port = 5
            Endpoint.__init__(self, **kwargs)

    assert Early(name="x").port == 5


def test_an_endpoint_can_be_asked_without_service_and_broker():
    """`submit_request_message` gives the reply, for tests and for other code."""
    request = MsgRequest.create(None, op_t.cmd, "x", "ping", reply_to="nobody")
    reply = Endpoint("x").submit_request_message(request)
    assert reply.return_code == 0
    assert reply.correlation_id == request.correlation_id


def test_the_reply_is_sent_by_the_service(recorder):
    """A request with a `reply_to` is answered over the mesh, and the reply is returned too."""
    endpoint = Endpoint("x")
    recorder.add_child(endpoint)
    reply = endpoint.on_request_message(MsgRequest.create(None, op_t.cmd, "x", "ping", reply_to="me"))
    assert recorder.sent == [reply]
    assert reply.routing_key == "me"


def test_nobody_is_sent_a_reply_who_does_not_want_one(recorder):
    """Without `reply_to` the request is handled and nothing is sent."""
    endpoint = Endpoint("x")
    recorder.add_child(endpoint)
    endpoint.on_request_message(MsgRequest.create(None, op_t.cmd, "x", "ping"))
    assert recorder.sent == []


@pytest.mark.parametrize(
    "error", [KeyError("pressure"), ZeroDivisionError("x"), SystemExit(3), GeneratorExit(), RecursionError("deep")]
)
def test_whatever_a_handler_raises_becomes_a_reply(error, caplog):
    """Return code 999 with kind and text; the traceback is in the log; the endpoint answers on."""
    endpoint = Angry(error)
    reply = get(endpoint)
    assert reply.return_code == 999
    assert reply.return_message == f"{type(error).__name__}: {error}"
    assert "Traceback" in caplog.text
    assert cmd(endpoint, "ping").return_code == 0


def test_an_exception_without_text_becomes_a_reply(caplog):
    """One whose `str()` raises."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    reply = get(Angry(Mute()))
    assert reply.return_code == 999
    assert "RuntimeError" in reply.return_message


def test_sys_exit_in_a_handler_ends_nothing():
    """`exit()` in a lab's script is no way to end a service."""

    class Leaving(Endpoint):
        def on_get(self):
            sys.exit("good bye")

    assert get(Leaving("x")).return_message == "SystemExit: good bye"


def test_a_ctrl_c_in_the_main_thread_is_not_swallowed():
    """There it comes from a person at the keyboard."""
    with pytest.raises(KeyboardInterrupt):
        get(Angry(KeyboardInterrupt()))


def test_replies_and_alerts_are_not_for_endpoints():
    """Unless a subclass handles them."""
    with pytest.raises(DriplineError, match="does not handle reply messages"):
        Endpoint("x").on_reply_message(MsgReply.create())
    with pytest.raises(DriplineError, match="does not handle alert messages"):
        Endpoint("x").on_alert_message(MsgAlert.create())


def test_an_endpoint_knows_its_service():
    """From the moment it is added."""
    endpoint, service = Endpoint("x"), Service("s", make_connection=False)
    assert endpoint.service is None
    service.add_child(endpoint)
    assert endpoint.service is service


def test_private_names_can_be_opened_by_the_service(caplog):
    """`allow_private_specifiers` lets messages reach one underscore, and warns at start."""
    service = Service("s", make_connection=False, allow_private_specifiers=True)
    assert "leading underscore" in caplog.text
    endpoint = Endpoint("x")
    endpoint._level = 3
    assert get(endpoint, "_level").return_code == 310
    service.add_child(endpoint)
    assert get(endpoint, "_level").plain_payload == {"values": [3]}
    assert get(endpoint, "__dict__").return_code == 310
