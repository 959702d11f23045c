"""Values from devices as numbers, and in tables."""

from __future__ import annotations

import time
from decimal import Decimal
from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.formula.readings import float_of, look_up, means_same, number_of


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("000300", 300),
        ("+000300", 300),
        ("-007.50", -7.5),
        ("+1.00000E+00", 1.0),
        ("1.", 1.0),
        (".5e3", 500.0),
        (" 12 \r\n", 12),
        ("0x1F", 31),
        ("true", True),
        ("FALSE", False),
        ("inf", inf),
        ("-Infinity", -inf),
        (".inf", inf),
        ("1e400", inf),
        (True, True),
        (2, 2),
        (Decimal("0.5"), 0.5),
    ],
)
def test_a_number_is_read_in_any_notation(value, number):
    """Of the same type as Python would have."""
    assert (number_of(value), type(number_of(value))) == (number, type(number))


@pytest.mark.parametrize("value", ["nan", "NaN\n", ".nan", "-nan", nan])
def test_nan_is_a_number(value):
    """It says that there is no value."""
    assert isnan(number_of(value))


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "on",
        "1,5",
        "1 2",
        "3 V",
        "1_000",
        "0x",
        "12:30",
        "--1",
        "1e",
        "e5",
        "١٢",
        "9" * 5000,
        None,
        [],
        {},
        1j,
    ],
)
def test_everything_else_is_no_number(value):
    """Units, several numbers, and digits that are not ASCII."""
    assert number_of(value) is None
    assert float_of(value) is None


def test_an_integer_may_be_too_large_for_a_float():
    """It is a number for all that."""
    assert number_of("9" * 400) == 10**400 - 1
    assert float_of(10**400) is None


@given(st.floats() | st.integers())
def test_what_python_writes_is_read_again(number):
    """Every float and every integer."""
    assert repr(number_of(f" +{number!r}\n".replace("+-", "-"))) == repr(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_found_by_every_key_that_means_it(number):
    """Whichever side is a text."""
    keys = [number, repr(number), f"{number:.17e}", f"{number:+030.20E}"]
    assert all(means_same(key, value) for key in keys for value in keys)


@pytest.mark.parametrize(
    ("key", "value"),
    [("on", True), ("yes", "true"), ("True", 1), ("off", False), ("0", False), (1, True), ("", None)],
)
def test_booleans_and_null_have_several_spellings(key, value):
    """As YAML has."""
    assert means_same(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("on", 1), ("off", True), ("ON", "on"), ("", 0), ("None", 0), (None, "x"), (nan, 0), ("a", nan)],
)
def test_what_means_something_else_is_not_found(key, value):
    """Words for booleans are not numbers."""
    assert not means_same(key, value)
    with pytest.raises(LookupError):
        look_up({key: 1}, value)


def test_the_closest_key_is_preferred():
    """The value itself, then the same text, then the same number."""
    table = {1: "int", "1": "text", "1.0": "float", "true": "bool"}
    assert [look_up(table, value) for value in (1, "1", "1.0", 1.0, "true", "01")] == [
        "int", "text", "float", "float", "bool", "int",
    ]  # fmt: skip
    assert look_up({"1": "number", "true": "bool"}, True) == "bool"


def test_a_value_that_is_missing_is_told_with_the_keys():
    """At most twenty of them, and no more of the value than is read."""
    with pytest.raises(LookupError) as caught:
        look_up(dict.fromkeys(range(1000)), "x" * 1000)
    text = caught.value.args[0]
    assert text.startswith("'xxx")
    assert text.endswith("is none of " + ", ".join(map(str, range(20))) + ", …")
    assert len(text) < 300


def test_long_texts_of_digits_are_read_in_linear_time():
    """A device that sends many long texts that are almost numbers does not stop its service."""
    begin = time.process_time()
    for _ in range(1000):
        assert number_of("1" * 998 + "x") is None
    assert time.process_time() - begin < 5
