"""Warnings that peers cause."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from dripline.runtime.rate_limited_log import Complaints, complaints_of

logger = logging.getLogger(__name__)


@pytest.fixture
def clock():
    """A clock that is set by hand."""
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def complaints(clock):
    """Of one owner."""
    return Complaints(logger, clock=lambda: clock.now)


def test_one_line_a_minute_with_a_count(complaints, clock, caplog):
    """The first at once; of the others their number, with the next one that is told."""
    for number in range(1000):
        complaints.tell("bad", "bad message %d", number)
    clock.now += 61
    complaints.tell("bad", "bad message %d", 1000)
    assert caplog.messages == [
        "bad message 0",
        "bad message 1000 (and 999 more of that kind since it was told last)",
    ]


def test_each_kind_is_told(complaints, caplog):
    """One flood does not hide another complaint."""
    for kind in ("a", "a", "b"):
        complaints.tell(kind, "this is %s", kind)
    assert caplog.messages == ["this is a", "this is b"]


def test_too_many_kinds_are_one(complaints, caplog):
    """Should a peer ever choose the kind, the log stays bounded all the same."""
    for number in range(1000):
        complaints.tell(f"kind {number}", "this is it")
    assert len(caplog.messages) == 101


def test_what_was_only_counted_is_told_at_the_end(complaints, caplog):
    """With its kind; what was told already is not repeated."""
    for kind in ("a", "a", "a", "b"):
        complaints.tell(kind, "x")
    caplog.clear()
    complaints.settle()
    complaints.settle()
    assert caplog.messages == ["a: 2 more since it was told last"]


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2Jclears", "a\r\nfake line", "right\u202eleft", "\x00"])
def test_text_of_a_peer_makes_no_lines_of_its_own(complaints, caplog, text):
    """Nor does it steer a terminal."""
    complaints.tell("bad", "it said %s", text)
    (line,) = caplog.messages
    assert line.isprintable()


def test_text_of_a_peer_is_cut(complaints, caplog):
    """A line stays a line."""
    complaints.tell("bad", "it said %s", "x" * 10**6)
    assert len(caplog.messages[0]) < 1100


def test_a_percent_sign_is_no_format(complaints, caplog):
    """Neither in the text without arguments nor in what a peer sends."""
    complaints.tell("a", "%s%n%(x)d")
    complaints.tell("b", "it said %s", "%s%s%n")
    assert caplog.messages == ["%s%n%(x)d", "it said %s%s%n"]


def test_a_traceback_comes_with_the_line_that_is_told(complaints, caplog):
    """Once, as the line."""
    for _ in range(3):
        complaints.tell("bug", "a bug", error=ValueError("deep inside"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[1].args == ("deep inside",)


def test_an_owner_keeps_its_complaints():
    """What one endpoint is told of does not silence another."""
    first, second = SimpleNamespace(), SimpleNamespace()
    assert complaints_of(first, logger) is complaints_of(first, logger)
    assert complaints_of(first, logger) is not complaints_of(second, logger)
