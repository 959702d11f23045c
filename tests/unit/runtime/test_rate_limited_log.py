"""Warnings that peers cause."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from dripline.runtime.rate_limited_log import RateLimitedLogger, limited_log_of

logger = logging.getLogger(__name__)


@pytest.fixture
def clock():
    """A clock that is set by hand."""
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def limited_log(clock):
    """Of one owner."""
    return RateLimitedLogger(logger, clock=lambda: clock.now)


def test_one_line_a_minute_with_a_count(limited_log, clock, caplog):
    """The first at once; of the others their number, with the next one that is told."""
    for number in range(1000):
        limited_log.tell("bad", "bad message %d", number)
    clock.now += 61
    limited_log.tell("bad", "bad message %d", 1000)
    assert caplog.messages == [
        "bad message 0",
        "bad message 1000 (and 999 more of that kind since it was told last)",
    ]


def test_each_kind_is_told(limited_log, caplog):
    """One flood does not hide another complaint."""
    for kind in ("a", "a", "b"):
        limited_log.tell(kind, "this is %s", kind)
    assert caplog.messages == ["this is a", "this is b"]


def test_too_many_kinds_are_one(limited_log, caplog):
    """Should a peer ever choose the kind, the log stays bounded all the same."""
    for number in range(1000):
        limited_log.tell(f"kind {number}", "this is it")
    assert len(caplog.messages) == 101


def test_what_was_only_counted_is_told_at_the_end(limited_log, caplog):
    """With its kind; what was told already is not repeated."""
    for kind in ("a", "a", "a", "b"):
        limited_log.tell(kind, "x")
    caplog.clear()
    limited_log.settle()
    limited_log.settle()
    assert caplog.messages == ["a: 2 more since it was told last"]


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2Jclears", "a\r\nfake line", "right\u202eleft", "\x00"])
def test_text_of_a_peer_makes_no_lines_of_its_own(limited_log, caplog, text):
    """Nor does it steer a terminal."""
    limited_log.tell("bad", "it said %s", text)
    (line,) = caplog.messages
    assert line.isprintable()


def test_text_of_a_peer_is_cut(limited_log, caplog):
    """A line stays a line."""
    limited_log.tell("bad", "it said %s", "x" * 10**6)
    assert len(caplog.messages[0]) < 1100


def test_a_percent_sign_is_no_format(limited_log, caplog):
    """Neither in the text without arguments nor in what a peer sends."""
    limited_log.tell("a", "%s%n%(x)d")
    limited_log.tell("b", "it said %s", "%s%s%n")
    assert caplog.messages == ["%s%n%(x)d", "it said %s%s%n"]


def test_a_traceback_comes_with_the_line_that_is_told(limited_log, caplog):
    """Once, as the line."""
    for _ in range(3):
        limited_log.tell("bug", "a bug", error=ValueError("deep inside"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[1].args == ("deep inside",)


def test_an_owner_keeps_its_complaints():
    """What one endpoint is told of does not silence another."""
    first, second = SimpleNamespace(), SimpleNamespace()
    assert limited_log_of(first, logger) is limited_log_of(first, logger)
    assert limited_log_of(first, logger) is not limited_log_of(second, logger)
