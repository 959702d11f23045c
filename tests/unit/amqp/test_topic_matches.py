"""Binding keys of topic exchanges."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.topic_index import topic_matches


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("#", ""),
        ("#", "a.b"),
        ("peaches.#", "peaches"),
        ("peaches.#", "peaches.a.b"),
        ("*.a", "x.a"),
        ("#.a", "a"),
        ("#.a.#", "x.y.a.z"),
        ("a.*.#", "a.b"),
        ("a.#.b", "a.b"),
        ("a.#.b", "a.b.x.b"),
        ("*", "a"),
        ("", ""),
        ("a.b", "a.b"),
    ],
)
def test_these_match(pattern, key):
    """`*` is one word, `#` any number of them."""
    assert topic_matches(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("peaches.#", "peachesx"),
        ("peaches", "peaches.a"),
        ("*", ""),
        ("*", "a.b"),
        ("a.*", "a"),
        ("*.a", "a"),
        ("a.#.b", "a.b.c"),
        ("", "a"),
        ("#.*", ""),
        ("a*", "ab"),
    ],
)
def test_these_do_not(pattern, key):
    """Words are whole words."""
    assert not topic_matches(pattern, key)


def as_regex(pattern):
    """Say the same with a regular expression: every word ends with a dot."""
    words = {"*": r"[^.]+\.", "#": r"(?:[^.]+\.)*"}
    return "".join(words.get(word, re.escape(word) + r"\.") for word in pattern.split("."))


@given(
    st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6),
)
def test_it_agrees_with_a_regular_expression(pattern, key):
    """Any mixture of wildcards means what it says."""
    pattern, key = ".".join(pattern), ".".join(key)
    assert topic_matches(pattern, key) == bool(re.fullmatch(as_regex(pattern), key + "."))


def test_many_wildcards_stay_cheap():
    """A hostile binding key does not stop anybody."""
    start = time.process_time()
    assert not topic_matches("#.a." * 40 + "b", "a." * 100 + "a")
    assert time.process_time() - start < 5.0
