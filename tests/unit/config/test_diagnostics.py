"""Diagnostics and their places."""

from __future__ import annotations

import pytest

from dripline.config.diagnostics import (
    WARNING,
    Diagnostic,
    Diagnostics,
    InvalidConfiguration,
    Place,
    diagnostics_of,
    error,
)
from dripline.errors import ConfigurationError


def test_a_place_is_told_as_editors_want_it():
    """File, line and column, as far as they are known."""
    assert str(Place("s.yaml", 3, 5)) == "s.yaml:3:5"
    assert str(Place("s.yaml")) == "s.yaml"
    assert error("x").located(lambda _: "a:b.yaml:3:5").place == Place("a:b.yaml", 3, 5)
    assert error("x").located(lambda _: "command line, 'x=1'").place == Place("command line, 'x=1'")


def test_a_mistake_is_one_line():
    """Whatever stands in the file."""
    assert str(Diagnostic(Place("s.yaml", 1, 2), "key 'a\nb'")) == "s.yaml:1:2: key 'a\\nb'"
    assert str(Diagnostic(Place(""), "nobody knows where")) == "nobody knows where"
    assert (
        str(Diagnostic(Place("s.yaml"), "a\u2028b\x85c\x1b[31m\ud800é"))
        == "s.yaml: a\\u2028b\\x85c\\x1b[31m\\ud800é"
    )


def test_errors_are_raised_together_and_come_apart_again():
    """Warnings are none."""
    first, second = Diagnostic(Place("a"), "x"), Diagnostic(Place("b"), "y")
    with pytest.raises(InvalidConfiguration) as caught:
        Diagnostics([first, Diagnostic(Place("c"), "z", WARNING), second]).raise_errors()
    assert str(caught.value) == "a: x\nb: y"
    assert diagnostics_of(caught.value) == [first, second]
    Diagnostics([Diagnostic(Place("c"), "z", WARNING)]).raise_errors()


def test_the_lines_of_another_error_are_mistakes_too():
    """Without a place of their own."""
    assert diagnostics_of(ConfigurationError("a\nb")) == [Diagnostic(Place(""), "a"), Diagnostic(Place(""), "b")]
