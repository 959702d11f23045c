"""Requests sent from handlers and from constructors, through the service and through an `Interface`."""

from __future__ import annotations

SERVICE = "relay"


def test_a_service_asks_while_it_is_made(ask):
    """Others on the mesh, and its own endpoints, before `run`."""
    assert ask.get("relay") == {"first": 0.25, "own": [7], "now": ask.get("source")["value_raw"]}


def test_a_handler_asks_and_sets_through_its_service(ask):
    """What the other answers is passed on."""
    ask.set("follower", 75.0)
    assert ask.get("follower") == {"value_raw": 75.0}
    assert ask.get("probe")["value_raw"] == 75.0
    assert ask.cmd("follower", "channel") == 9


def test_a_handler_calls_a_method_of_another_endpoint(ask):
    """With values in order and by name."""
    assert ask.cmd("follower", "mean", 1, 3, weight=3) == 2.5


def test_the_error_of_the_one_asked_reaches_the_one_who_asks(ask):
    """Through the handler, as an error reply with the reason."""
    code, message = ask.refusal("set", "follower", -1)
    assert code >= 100
    assert "no resistance is -1" in message


def test_a_handler_asks_an_endpoint_of_its_own_service(ask):
    """It is answered on the spot; waiting for itself would never end."""
    assert ask.cmd("follower", "siblings") == [7]


def test_an_endpoint_has_an_interface_of_its_own(ask):
    """Made in the constructor, or for each request, with nothing but the user's mesh file."""
    ask.set("outsider", 0.5)
    try:
        assert ask.get("outsider") == {"first": 0.25, "now": 0.5}
    finally:
        ask.set("source", 0.25)
