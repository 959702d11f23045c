"""The nearest known name."""

from __future__ import annotations

from dripline.config.suggest import did_you_mean, nearest


def test_the_nearest_name_is_offered():
    """As the end of a message."""
    assert did_you_mean("calibrtion", ["calibration", "name"]) == "; did you mean 'calibration'?"


def test_the_case_of_letters_does_not_matter():
    """Names of classes are often typed in small letters."""
    assert nearest("keyvaluestore", ["KeyValueStore"]) == ["KeyValueStore"]


def test_several_may_be_offered():
    """The best first."""
    assert did_you_mean("abcd", ["abcx", "abcde"], count=2) == "; did you mean 'abcde' or 'abcx'?"


def test_nothing_is_offered_when_nothing_is_near():
    """A wild guess helps nobody."""
    assert did_you_mean("zzz", ["calibration"]) == ""
