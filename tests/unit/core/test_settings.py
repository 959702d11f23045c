"""Checked settings: one promise each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dripline.core import ThrowReply
from dripline.core.settings import Setting, interval, seconds, switch, text, threshold


class Thing:
    """Something with settings."""

    name = "thing"
    span = Setting(seconds, "A time.")


def test_a_setting_keeps_what_the_check_makes_of_a_value():
    """Whatever form it is given in."""
    thing = Thing()
    thing.span = {"minutes": 2}
    assert thing.span == 120.0


def test_a_refused_value_changes_nothing():
    """The error is a reply with 304 that names owner and setting."""
    thing = Thing()
    thing.span = 5
    with pytest.raises(ThrowReply, match="thing: span is a number of seconds") as caught:
        thing.span = "soon"
    assert caught.value.return_code.value == 304
    assert thing.span == 5.0


def test_a_setting_that_was_not_set_is_missing():
    """Like any attribute."""
    assert not hasattr(Thing(), "span")


@pytest.mark.parametrize(
    ("given", "span"),
    [
        (10, timedelta(seconds=10)),
        (0.5, timedelta(milliseconds=500)),
        ("1.5", timedelta(seconds=1.5)),
        ({"minutes": 5, "seconds": 1}, timedelta(seconds=301)),
        (timedelta(hours=1), timedelta(hours=1)),
        (0, timedelta(0)),
    ],
)
def test_intervals_are_seconds_mappings_or_timedeltas(given, span):
    """All three mean a time span."""
    assert interval(given) == span


@pytest.mark.parametrize(
    "wrong", ["soon", None, [], {"fortnights": 1}, {"seconds": "x"}, float("nan"), float("inf"), 1e300]
)
def test_what_is_no_interval_is_refused(wrong):
    """With one kind of error."""
    with pytest.raises(ValueError, match="is a number of seconds or a map"):
        interval(wrong)


def test_switches_are_booleans():
    """0, 1 and None are taken for them; words are not, since `bool("off")` is true."""
    assert [switch(value) for value in (True, 1, False, 0, None)] == [True, True, False, False, False]
    for wrong in ("off", "true", 2, [], {}):
        with pytest.raises(ValueError, match="is true or false"):
            switch(wrong)


def test_thresholds_are_not_negative():
    """Infinity is one that is never crossed."""
    assert [threshold(value) for value in (0, "0.1", float("inf"))] == [0.0, 0.1, float("inf")]
    for wrong in (-1, float("nan"), "much", None, []):
        with pytest.raises(ValueError, match="is a number of 0 or more"):
            threshold(wrong)


def test_texts_are_texts():
    """Nothing is turned into one."""
    assert text("value_raw") == "value_raw"
    with pytest.raises(ValueError, match="is a text"):
        text(3)
