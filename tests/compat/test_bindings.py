"""`_dripline.core`: messages made by hand, sent from a handler, their replies waited for with a `Receiver`."""

from __future__ import annotations

SERVICE = "bindings"


def test_a_handler_asks_another_service_with_its_own_request(ask, laboratory):
    """`send`, then `wait_for_reply`; the reply belongs to the request."""
    laboratory.wait_for("source")
    answer = ask.cmd("switchboard", "ask", laboratory.named("source"), "get")
    assert answer["return_code"] == 0
    assert answer["payload"]["value_raw"] == 0.25
    assert answer["same"] is True


def test_an_error_comes_as_a_code(ask, laboratory):
    """Nothing is raised by the receiver: the package looks at the code."""
    answer = ask.cmd("switchboard", "ask", laboratory.named("probe"), "cmd", specifier="nothing_like_it")
    assert (answer["return_code"], answer["same"]) == (306, True)


def test_an_endpoint_may_answer_requests_itself(ask):
    """`do_get_request` overridden, the reply made with `request.reply`."""
    assert ask.get("line", "what") == {"line": ask.laboratory.named("line"), "asked": "what"}


def test_an_endpoint_sends_an_alert_through_its_service(ask):
    """`MsgAlert.create` with a payload made by scarab."""
    assert ask.cmd("line", "tell", "hello") is True
