"""Mistakes and their places."""

from __future__ import annotations

import pytest

from dripline.config.diagnostics import ConfigurationMistakes, Mistake, Place, as_place, mistakes_of, raise_errors
from dripline.errors import ConfigurationError


def test_a_place_is_told_as_editors_want_it():
    """File, line and column, as far as they are known."""
    assert str(Place("s.yaml", 3, 5)) == "s.yaml:3:5"
    assert str(Place("s.yaml")) == "s.yaml"
    assert as_place("a:b.yaml:3:5") == Place("a:b.yaml", 3, 5)
    assert as_place("command line, 'x=1'") == Place("command line, 'x=1'")


def test_a_mistake_is_one_line():
    """Whatever stands in the file."""
    assert str(Mistake(Place("s.yaml", 1, 2), "key 'a\nb'")) == "s.yaml:1:2: key 'a\\nb'"
    assert str(Mistake(Place(""), "nobody knows where")) == "nobody knows where"
    assert (
        str(Mistake(Place("s.yaml"), "a\u2028b\x85c\x1b[31m\ud800é")) == "s.yaml: a\\u2028b\\x85c\\x1b[31m\\ud800é"
    )


def test_errors_are_raised_together_and_come_apart_again():
    """Warnings are none."""
    first, second = Mistake(Place("a"), "x"), Mistake(Place("b"), "y")
    with pytest.raises(ConfigurationMistakes) as caught:
        raise_errors([first, Mistake(Place("c"), "z", is_warning=True), second])
    assert str(caught.value) == "a: x\nb: y"
    assert mistakes_of(caught.value) == [first, second]
    raise_errors([Mistake(Place("c"), "z", is_warning=True)])


def test_the_lines_of_another_error_are_mistakes_too():
    """Without a place of their own."""
    assert mistakes_of(ConfigurationError("a\nb")) == [Mistake(Place(""), "a"), Mistake(Place(""), "b")]
