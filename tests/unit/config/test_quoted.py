"""Quoted numbers and booleans, read as the type of a setting wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.config.quoted import as_wanted


class Limits(TypedDict, total=False):
    """A map whose values have types."""

    high: float
    field: str


@pytest.mark.parametrize(
    ("annotation", "value", "read"),
    [
        (int, "60", 60),
        (int, " 60 ", 60),
        (int, "1e3", 1000),
        (int, "0x1F", 31),
        (float, "60", 60),
        (float, "-.5", -0.5),
        (float, ".inf", float("inf")),
        (float | None, "2.5", 2.5),
        (bool, "true", True),
        (bool, "No", False),
        (bool, "OFF", False),
        (bool, "1", True),
        (bool | None, "0", False),
        (float, False, 0),
        (float, "false", 0),
        (timedelta | float, "5", 5),
        (float | Mapping[str, float], {"minutes": "5"}, {"minutes": 5}),
        (list[float], ["1", 2, "x"], [1, 2, "x"]),
        (tuple[str, int] | Sequence[Any] | str, ["host", "1234"], ["host", 1234]),
        (dict[str, list[int]], {"a": ["1"]}, {"a": [1]}),
        (Limits | Mapping[str, Any], {"high": "300", "field": "5"}, {"high": 300, "field": "5"}),
    ],
)
def test_a_scalar_is_read_without_its_quotes(annotation, value, read):
    """The value is not changed, and each conversion is reported."""
    before = repr(value)
    found, conversions = as_wanted(annotation, value)
    assert (found, repr(value)) == (read, before)
    assert len(conversions) == 1


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "soon"),
        (int, "60 s"),
        (int, "0.5"),
        (int, "007"),
        (int, ""),
        (int, False),
        (int, "false"),
        (float, True),
        (float, "true"),
        (float, "nan"),
        (bool, "perhaps"),
        (bool, "2"),
        (bool, True),
        (str, "60"),
        (str | int, "60"),
        (Any, "60"),
        (object, "60"),
        (Literal["1", 2], "1"),
        (complex, "1"),
        (Sequence[float] | float, "5"),
        (list[str], ["1"]),
        (float, 5),
        (float, None),
    ],
)
def test_everything_else_stays_as_it_is(annotation, value):
    """Text where text is possible, nonsense, and what is right already; the checks of the class judge it."""
    assert as_wanted(annotation, value) == (value, [])


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_survives_its_quotes(number):
    """As the same number."""
    found, _ = as_wanted(float, str(number))
    assert found == number
