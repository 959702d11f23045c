"""What a word of a command line means, and where a `key=value` word goes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.config.overrides import apply_words, read_number, read_word, set_path, spell, split_word
from dripline.errors import ConfigurationError


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-5", -5),
        ("+7", 7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e-7", -1e-7),
        ("1E3", 1000.0),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_word_that_is_a_number_or_constant_is_one(word, value):
    """Numbers, booleans and null are sent as such."""
    assert read_word(word) == value
    assert type(read_word(word)) is type(value)


TEXTS = [
    "12:30:00",
    "10abc",
    "007",
    "00.5",
    "1_000",
    "0x10",
    "1e",
    "--5",
    "1e999",
    "inf",
    "nan",
    "tRue",
    "None",
    "yes",
    "off",
    "~",
    "٣",
    "1.2.3",
    "-",
    "+",
    ".",
    "-.",
    "e5",
    "5-",
    "5V",
]


@pytest.mark.parametrize("word", [*TEXTS, "3 volts", "", " 5", "5\n", "9" * 5000, "0 or open('/etc/passwd')"])
def test_a_word_that_is_only_partly_a_number_is_text(word):
    """A word is a number only if all of it is one."""
    assert read_word(word) == word


@given(st.integers(min_value=-(10**900), max_value=10**900))
def test_every_integer_comes_back(number):
    """What Python writes as an integer is read as the same one."""
    assert read_word(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back(number):
    """What Python writes as a float is read as the same one."""
    assert read_word(repr(number)) == number


@given(st.text())
def test_a_word_is_itself_or_something_json_can_hold(word):
    """No word makes anything but text, None, a bool or a finite number."""
    value = read_word(word)
    assert value == word or value is None or isinstance(value, bool) or math.isfinite(value)
    json.dumps(value, allow_nan=False)


@given(st.text(alphabet="0123456789+-.eE_ xabc"))
def test_what_is_read_as_a_number_is_one_for_python_too(word):
    """The other direction: nothing is called a number that Python would not call so."""
    number = read_number(word)
    if number is not None:
        assert float(word) == pytest.approx(float(number))


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("a=1", ("a",), 1),
        ("a.b=hello", ("a", "b"), "hello"),
        ("endpoints.0.initial_value=3", ("endpoints", 0, "initial_value"), 3),
        ("my-key=", ("my-key",), ""),
        ("calibration=2*{}", ("calibration",), "2*{}"),
        ("x=a=b", ("x",), "a=b"),
        ("x.007=1", ("x", "007"), 1),
    ],
)
def test_a_keyword_is_a_path_and_a_value(word, path, value):
    """The key leads through maps and lists; the first `=` ends it."""
    assert split_word(word) == (path, value)


@pytest.mark.parametrize("word", ["plain", "=5", "*OPC?=1", "a b=1", ".a=1", "a..b=1", "a.=1", "-5=x", "5=x", ""])
def test_what_has_no_key_is_no_keyword(word):
    """Commands for instruments may hold a `=`, and stay words."""
    assert split_word(word) is None


def test_words_change_a_configuration():
    """`key=value` words reach into lists too, and make what is missing."""
    tree = {"name": "my_store", "endpoints": [{"name": "peaches"}]}
    apply_words(
        tree, ["endpoints.0.initial_value=3", "endpoints.1.name=chips", "dripline_mesh.broker=lab", "new.0.x=1"]
    )
    assert tree == {
        "name": "my_store",
        "endpoints": [{"name": "peaches", "initial_value": 3}, {"name": "chips"}],
        "dripline_mesh": {"broker": "lab"},
        "new": [{"x": 1}],
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("endpoints.5.name=x", "'endpoints.5.name=x': endpoints has only 1 entries, counted from 0"),
        (
            "endpoints.peaches.x=1",
            "'endpoints.peaches.x=1': endpoints is a list of 1: a number must follow, not 'peaches'",
        ),
        ("name.first=x", "'name.first=x': name is 'my_store', nothing can stand below it"),
        ("nonsense", "'nonsense' is not KEY=VALUE, and nothing else is expected here"),
    ],
)
def test_a_word_that_does_not_fit_is_told(word, message):
    """One line that names the word and what is wrong with it."""
    with pytest.raises(ConfigurationError) as caught:
        apply_words({"name": "my_store", "endpoints": [{}]}, [word])
    assert str(caught.value) == message


_PARTS = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b", "values"]))


@given(st.lists(st.tuples(st.lists(_PARTS, min_size=1, max_size=4), st.integers()), max_size=6))
def test_a_path_that_was_set_holds_its_value(steps):
    """Whatever came before: either the path is refused, or the value stands there afterwards."""
    tree: dict = {}
    for path, value in steps:
        try:
            set_path(tree, path, value)
        except ConfigurationError:
            continue
        here = tree
        for part in path:
            here = here[part] if isinstance(here, list) else here[str(part)]
        assert here == value


def test_a_path_is_spelled_as_it_is_typed():
    """Messages name a setting as the command line would."""
    assert spell(("endpoints", 0, "name")) == "endpoints.0.name"
