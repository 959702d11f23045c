"""Regular expressions of a configuration on whatever a device says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.implementations import device_text
from dripline.implementations.device_text import most_steps, search

NESTED = r"(?P<value_raw>(\d+,?)+);"


@pytest.mark.parametrize(
    ("pattern", "text"), [(NESTED, "1" * 60), (r"(x+x+)+y", "x" * 60), (r"(?x) (x+ x+) + y", "x" * 60)]
)
def test_a_search_without_end_is_given_up(pattern, text):
    """With expression and length of the text."""
    with pytest.raises(TimeoutError, match=f"for {len(text)} characters") as raised:
        search(pattern, text)
    assert repr(pattern) in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (NESTED, "1,2,33;", "1,2,33"),
        (r"V (?P<value_raw>[-+\d.eE]+)", "V -1.5e3 V", "-1.5e3"),
        (r"[^,]+,(?P<value_raw>[^,]+)", "1" * 20_000 + ",2", "2"),
        (r"(?P<value_raw>.)$", "\ud800 \n5", "5"),
    ],
)
def test_a_search_is_python_s(pattern, text, found):
    """Rehearsed or not."""
    match = search(pattern, text)
    assert match is not None
    assert match["value_raw"] == found
    assert search(pattern, "") is None


def test_what_is_cheap_starts_no_process(monkeypatch):
    """The readings of every day."""

    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(device_text, "_ends", fail)
    assert search(r"(?P<value_raw>-?\d+(\.\d+)?([eE][-+]?\d+)?) V", "volts: -1.25e-3 V")
    assert search(r"[^,]+,[^,]+,(?P<value_raw>[^,]+)", "+1.0E+00," * 6 + "5")
    assert not search("x*y", "x" * 5000)


@pytest.mark.parametrize(
    "pattern", [NESTED, "(a*)*", "(a|b)+", "(a){2,9}", r"(?i:a)+", "(?x)(a) +", "(?#[)(a+)+(?#])"]
)
def test_what_may_grow_without_measure_is_seen(pattern):
    """Repeated groups, and what cannot be read without more care."""
    assert most_steps(pattern, 5) is None


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("abc", 11),
        ("a*", 11**2),
        (r"a*b+[*+?]\*", 11**3),
        (r"(a)\1", 11**2),
        (r"(?P<x>a)(?P=x)", 11**2),
        ("a?|b", 11 * 4),
        (r"[]*]*[^]*]*", 11**3),
        (r"[\]*]", 11),
    ],
)
def test_steps_are_counted(pattern, steps):
    """Each loop counts, each choice, and no sign that stands for itself."""
    assert most_steps(pattern, 10) == steps


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "b", ".", "[ab]", "a*", "b+?", ".*", "a?", "(a|ab)", "[^b]{1,3}", "^", "$"]),
        max_size=6,
    ),
    st.text("ab", max_size=12),
)
def test_what_is_searched_here_is_what_python_finds(parts, text):
    """Any expression, any text."""
    pattern = "".join(parts)
    expected = re.search(pattern, text)
    found = search(pattern, text)
    assert (found and found.span()) == (expected and expected.span())
