"""What a formula may be written in."""

from __future__ import annotations

import pytest

from dripline.formula.syntax import DEEPEST, LONGEST, FormulaRefused
from dripline.formula.template import Template


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("import os", "import"),
        ("from os import path", "import"),
        ("lambda: {}", "lambda"),
        ("def f(): return {}", "def"),
        ("class A: pass", "class"),
        ("while True: pass", "while"),
        ("try:\n    {}\nexcept: pass", "try"),
        ("with f() as x: pass", "with"),
        ("(x := {})", ":="),
        ("sum(x for x in [{}])", "generator"),
        ("global x", "global"),
        ("del x", "delete"),
        ("raise ValueError", "raise"),
        ("[*{}]", "starred"),
        ("{}.__class__", "__class__"),
        ("''.__class__.__mro__[1].__subclasses__()", "__"),
        ("f._secret", "_secret"),
        ("f.x = {}", "attributes"),
    ],
)
def test_what_defines_or_reaches_more_than_a_value_is_refused(text, word):
    """When it is read, before anything is evaluated; the text names what is refused."""
    with pytest.raises(FormulaRefused, match=word):
        Template(text)


@pytest.mark.parametrize("text", ["1" + "+1" * LONGEST, "(" * DEEPEST + "[" * 5 + "{}", "-" * 400 + "{}"])
def test_length_and_depth_are_bounded(text):
    """A text that is too long or too deep for the parser never gets there, or is told as no formula."""
    with pytest.raises(ValueError, match=r"characters|not a formula|nested|number"):
        Template(text).filled(1)
