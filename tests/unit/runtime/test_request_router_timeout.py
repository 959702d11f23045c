"""Handlers that take long."""

from __future__ import annotations

import threading

import pytest
from support.waiting import eventually

from dripline.core import MsgAlert, MsgRequest, op_t
from dripline.runtime.request_router import HandlerTimeout


def request():
    """Some request."""
    return MsgRequest.create(None, op_t.get, "furnace")


def handle(timeout, handler):
    """Handle a request."""
    with timeout.over(request()):
        handler()


@pytest.fixture
def late():
    """The requests that took too long."""
    return []


@pytest.fixture
def timeout(late):
    """One with a short limit."""
    timeout = HandlerTimeout(0.4, late.append)
    yield timeout
    timeout.stop()


def test_it_knows_for_how_long_something_is_in_hand(timeout):
    """Nothing at first and nothing afterwards, also when a handler raises."""
    assert timeout.busy_s == 0
    seen = []
    with pytest.raises(ValueError, match="boom"):
        handle(timeout, lambda: seen.append(timeout.busy_s) or int("boom"))
    assert seen[0] > 0
    assert timeout.busy_s == 0


def test_a_handler_inside_a_handler_does_not_end_the_outer_one(timeout):
    """A handler may ask an endpoint of its own service."""
    with timeout.over(request()):
        with timeout.over(request()):
            pass
        assert timeout.busy_s > 0


def test_a_request_that_takes_too_long_is_told_once(timeout, late):
    """And goes on."""
    slow = request()
    with timeout.over(slow):
        assert eventually(lambda: late == [slow])
        threading.Event().wait(0.6)
    assert late == [slow]
    assert timeout.timeouts == 1


def test_one_that_follows_a_slow_one_is_told_as_well(timeout, late):
    """Though it may lie where that lay in memory."""
    slow = request()
    for times in (1, 2):
        with timeout.over(slow):
            assert eventually(lambda times=times: len(late) == times)
    assert timeout.timeouts == 2


def test_one_that_was_told_is_not_told_again_after_what_it_asked(timeout, late):
    """A handler may ask an endpoint of its own service."""
    slow = request()
    with timeout.over(slow):
        assert eventually(lambda: late == [slow])
        with timeout.over(request()):
            assert eventually(lambda: len(late) == 2)
        threading.Event().wait(0.3)
    assert timeout.timeouts == 2


def test_a_quick_one_and_an_alert_are_not_told(timeout, late):
    """Nobody waits for an alert."""
    with timeout.over(request()):
        pass
    with timeout.over(MsgAlert.create(None, "a")):
        threading.Event().wait(0.8)
    assert late == []


def test_without_limit_there_is_no_thread(late):
    """As it is unless a service asks for it."""
    before = set(threading.enumerate())
    with HandlerTimeout(0, late.append).over(request()):
        assert set(threading.enumerate()) <= before
