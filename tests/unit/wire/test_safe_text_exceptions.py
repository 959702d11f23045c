"""Exceptions of a laboratory's code."""

from __future__ import annotations

from support.outrages import Unprintable

from dripline.wire.safe_text import named_text_of, text_of


def test_texts_of_exceptions_can_always_be_had():
    """Also of one whose text raises."""
    assert text_of(ValueError("no")) == "no"
    assert named_text_of(ValueError("no")) == "ValueError: no"
    assert named_text_of(Unprintable()) == "Unprintable: <no text: GeneratorExit>"
