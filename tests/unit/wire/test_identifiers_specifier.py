"""Specifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.wire.identifiers import Specifier


@given(st.text())
def test_any_text_comes_back_unchanged(text):
    """A specifier is kept verbatim, however many dots it has."""
    assert Specifier(text).to_string() == text
    specifier = Specifier()
    specifier.parse(text)
    specifier.reparse()
    assert str(specifier) == text


@pytest.mark.parametrize("text", ["hi", "he-llo", ".", "1.", "5.6.7", ""])
def test_the_examples_of_the_protocol_come_back_unchanged(text):
    """Also with empty words."""
    assert Specifier(text).to_string() == text


def test_words_are_taken_off_the_front():
    """One word at a time; the text stays, and reparse puts the words back."""
    specifier = Specifier("5.6.7")
    assert (specifier.pop_front(), specifier.pop_front()) == ("5", "6")
    assert specifier.words == ["7"]
    assert specifier.to_string() == specifier.unparsed == "5.6.7"
    specifier.reparse()
    assert specifier.words == ["5", "6", "7"]


def test_an_empty_specifier_has_no_words():
    """Nothing can be taken off, and it counts as false."""
    specifier = Specifier()
    assert not specifier
    assert specifier.words == []
    with pytest.raises(IndexError):
        specifier.pop_front()


def test_a_specifier_equals_its_text():
    """Comparing with a text saves a conversion."""
    assert Specifier("a.b") == "a.b"
    assert Specifier("a.b") == Specifier("a.b")
    assert Specifier("a.b") != "a"
    assert Specifier("a") != 1
    assert hash(Specifier("a")) == hash("a")
    assert repr(Specifier("a")) == "Specifier('a')"
