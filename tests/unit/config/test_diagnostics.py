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
    warning,
)
from dripline.errors import ConfigurationError


def test_a_place_is_told_as_editors_want_it():
    """File, line and column, as far as they are known."""
    assert str(Place("s.yaml", 3, 5)) == "s.yaml:3:5"
    assert str(Place("s.yaml")) == "s.yaml"
    assert str(Place("command line, 'x=1'")) == "command line, 'x=1'"


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


def test_a_path_of_keys_becomes_a_place():
    """Of the keys around it, too; the label begins the text."""
    found = Diagnostics(where=lambda path: Place("s.yaml", len(path), 1))
    found.add(warning("is empty", "name"), ("endpoints", 0), "endpoint 'x'")
    with found.collecting():
        raise InvalidConfiguration([error("is missing", "port"), Diagnostic(Place("m.yaml"), "is no mapping")])
    assert found == [
        Diagnostic(Place("s.yaml", 3, 1), "endpoint 'x': is empty", WARNING),
        Diagnostic(Place("s.yaml", 1, 1), "is missing"),
        Diagnostic(Place("m.yaml"), "is no mapping"),
    ]
    assert found.errors == ["s.yaml:1:1: is missing", "m.yaml: is no mapping"]
    assert found.warnings == ["s.yaml:3:1: endpoint 'x': is empty"]


def test_a_remedy_follows_the_text():
    """As one line."""
    assert str(Diagnostic(Place("s.yaml"), "is empty", remedy="remove it")) == "s.yaml: is empty; remove it"


def test_the_lines_of_another_error_are_mistakes_too():
    """Without a place of their own."""
    assert diagnostics_of(ConfigurationError("a\nb")) == [Diagnostic(Place(""), "a"), Diagnostic(Place(""), "b")]
