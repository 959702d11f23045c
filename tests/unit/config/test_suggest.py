"""The nearest known name."""

from __future__ import annotations

import pytest

from dripline.config import yaml_nodes
from dripline.config.suggest import did_you_mean, missing_space_hint


def test_the_nearest_name_is_offered():
    """As the end of a message."""
    assert did_you_mean("calibrtion", ["calibration", "name"]) == "; did you mean 'calibration'?"


def test_the_case_of_letters_does_not_matter():
    """Names of classes are often typed in small letters."""
    assert did_you_mean("keyvaluestore", ["KeyValueStore"]) == "; did you mean 'KeyValueStore'?"


def test_several_may_be_offered():
    """The best first."""
    assert did_you_mean("abcd", ["abcx", "abcde"], count=2) == "; did you mean 'abcde' or 'abcx'?"


def test_nothing_is_offered_when_nothing_is_near():
    """A wild guess helps nobody."""
    assert did_you_mean("zzz", ["calibration"]) == ""


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("endpoints:\n  - name:pears\n    module: KeyValueStore\n", (1, 4), "after the colon: 'name: pears'"),
        ("name:s\nendpoints: []\n", (0, 0), "after the colon: 'name: s'"),
        ("name: s\nmodule:Service\nendpoints: []\n", (1, 0), "after the colon: 'module: Service'"),
        ("a:\n  - name: x\n    module:K\n", (2, 4), "after the colon: 'module: K'"),
        ("a:\n  -name: pears\n   module: K\n", (1, 2), "after the dash: '- name: pears'"),
        ("a: [{name:pears, module: K}]\n", (0, 5), "after the colon: 'name: pears'"),
        ("calibration: {1:on, 0: off}\n", (0, 14), "after the colon: '1: on'"),
        ("calibration: {-1.5:low}\n", (0, 14), "after the colon: '-1.5: low'"),
    ],
)
def test_the_line_without_the_space_is_named(text, place, message):
    """With what to write instead."""
    _, mistakes = yaml_nodes.read(text)
    assert [str(mistake) for mistake in mistakes] == [f"a space is missing {message}"]
    assert (mistakes[0].place.line - 1, mistakes[0].place.column - 1) == place


@pytest.mark.parametrize(
    "text", ["socket_info: 10.0.0.7:5025", "- localhost:5025", "broker: amqp://lab:5672", "{a: b:c}"]
)
def test_text_with_a_colon_is_text(text):
    """Addresses and times are values."""
    value, mistakes = yaml_nodes.read(text)
    assert value
    assert mistakes == []


def test_text_where_a_mapping_is_required():
    """The message about it ends with the hint."""
    assert missing_space_hint("broker:localhost") == "; a space is missing after the colon: 'broker: localhost'"
    for value in ("localhost", "amqp://lab", "a: b", 5, None):
        assert missing_space_hint(value) == ""
