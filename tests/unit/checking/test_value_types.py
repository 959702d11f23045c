"""Which values fit which annotations."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.checking.schema import type_schema
from dripline.checking.value_types import UNKNOWN, described, fits


class Colour(enum.Enum):
    """An enumeration."""

    RED = "r"
    BLUE = 2


class Limits(TypedDict):
    """A mapping with known keys."""

    low: float


Volt = NewType("Volt", float)
T = TypeVar("T")

FITTING = [
    (int, [5, -1, 10.0]),
    (float, [5, 0.5, float("inf")]),
    (bool, [True, False, 0, 1]),
    (str, ["", "5"]),
    (None, [None]),
    (Any, [None, 5, "x", [], {}]),
    (Optional[int], [None, 5]),  # noqa: UP045  # as packages write it
    (Union[int, str], [5, "x"]),  # noqa: UP007  # as packages write it
    (int | list[int] | None, [None, 3, [3]]),
    (list, [[], [1]]),
    (list[int], [[], [1, 2.0]]),
    (typing.List[float], [[1, 0.5]]),  # noqa: UP006  # as packages write it
    (Sequence[str], [["a"], "a", []]),
    (Iterable[float], [[1]]),
    (tuple[str, int], [["host", 1234]]),
    (tuple[int, ...], [[], [1, 2, 3]]),
    (dict, [{}]),
    (dict[str, float], [{"a": 1}]),
    (Mapping[str, Any], [{"a": [1]}]),
    (Literal["a", 5], ["a", 5]),
    (Annotated[int, "positive"], [5]),
    (Volt, [5, 0.5]),
    (Colour, ["RED", "red", "r", 2]),
    (timedelta, [5, 0.5, {"minutes": 5}]),
    (Limits, [{"low": 1}]),
    (T, ["anything", 5]),
    (Path, ["file.txt"]),
    (Callable[[int], int], ["math.sqrt"]),
    ("not a type", [5]),
]
REFUSED = [
    (int, [0.5, "5", "many", True, [], {}]),
    (float, ["5", True, []]),
    (bool, ["no", 2, []]),
    (str, [5, True, [], {}]),
    (Optional[int], ["x", 0.5]),  # noqa: UP045  # as packages write it
    (int | list[int], [["x"], "x"]),
    (list[int], ["12", 5, ["x"], {}]),
    (Sequence[float], ["text", [1, "x"], 5]),
    (tuple[str, int], [["host"], ["host", "port"], "host"]),
    (dict[str, float], [{"a": "x"}, [], 5]),
    (Literal["a", 5], ["b", 6, None]),
    (Literal[1], [True]),
    (Colour, ["GREEN", 3]),
    (timedelta, ["soon", {"fortnights": 1}, []]),
    (Limits, [5]),
]


@pytest.mark.parametrize(("annotation", "value"), [(a, v) for a, values in FITTING for v in values])
def test_what_fits_is_never_called_wrong(annotation, value):
    """By the check nor by the schema; what is not understood fits everything."""
    from jsonschema import Draft202012Validator

    assert fits(annotation, value)
    if value != "red":  # the schema names the members as they are
        Draft202012Validator(type_schema(annotation)).validate(value)


@pytest.mark.parametrize(("annotation", "value"), [(a, v) for a, values in REFUSED for v in values])
def test_what_does_not_fit_is_refused(annotation, value):
    """A number for a text, a text for a number, a list of other things."""
    assert not fits(annotation, value)


@pytest.mark.parametrize("annotation", [annotation for annotation, _ in FITTING + REFUSED])
def test_what_nobody_knows_yet_fits_everything(annotation):
    """A value from the environment is never called wrong, nor is what stands for it in a schema."""
    from jsonschema import Draft202012Validator

    assert fits(annotation, UNKNOWN)
    if annotation is not None:
        Draft202012Validator(type_schema(annotation)).validate("ENV{NAME}")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (float | int | None, "a number"),
        (Sequence[str] | None, "a list (of a text)"),
        (dict[str, float], "a mapping (of a number)"),
        (tuple[str, int], "a list of 2: a text, a whole number"),
        (Literal["a", "b"], "one of 'a', 'b'"),
        (Colour, "one of RED, BLUE"),
        (str | bool, "a text or true or false"),
    ],
)
def test_an_annotation_is_told_in_words(annotation, words):
    """People who write YAML need not know Python."""
    assert described(annotation) == words


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from([annotation for annotation, _ in FITTING]), _VALUES)
def test_every_value_can_be_judged(annotation, value):
    """Whatever stands in a file."""
    assert fits(annotation, value) in (True, False)
