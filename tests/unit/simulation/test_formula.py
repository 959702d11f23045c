"""Formulas between values."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.simulation.formula import Formula

VALUES = {"A": 6.0, "B": 0.0, "ON": True, "MODE": "FAST"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A * 2 + 1", 13),
        ("-A / 4", -1.5),
        ("A if ON else 0", 6),
        ("A if not ON or B else 1", 1),
        ("1 < A <= 6 and B == 0", True),
        ("7 < A <= 8", False),
        ("sqrt(A ** 2) % 4", 2),
        ("max(A, B, 7) // 2", 3),
        ("10 if MODE == 'FAST' else 1", 10),
        ("round(sin(pi), 3)", math.nan),  # a float is no count of places
        ("A / B", math.nan),
        ("9 ** 9 ** 9 ** 9", math.nan),
        ("(-1) ** 0.5", math.nan),
        ("'%9999d' % A", math.nan),
        ("'a' * 99999999999", math.nan),
        ("exp(A * 1000)", math.nan),
    ],
)
def test_it_computes(text, expected):
    """And where there is no result it is not a number; nothing takes long."""
    value = Formula(text).evaluate(VALUES.__getitem__)
    assert value == expected or (math.isnan(value) and math.isnan(expected))


def test_it_tells_the_names_it_asks_for():
    """Functions and constants are none."""
    assert Formula("A + max(B, pi) * e").names == {"A", "B"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A +",
        "A = 1",
        "A.real",
        "A[0]",
        "[A]",
        "lambda: A",
        "open('x')",
        "(A)(B)",
        "A & B",
        "max(A, key=B)",
        "A in MODE",
        "f'{A}'",
        "__import__('os')",
        "(" * 500,
        "A\x00",
    ],
)
def test_it_can_only_compute(text):
    """Everything else is refused when the description is read."""
    with pytest.raises(ValueError, match=r"formula|null"):
        Formula(text)


@settings(deadline=None)
@given(st.text(alphabet="AB0123456789.+-*/%<>=() ifelsandort", max_size=60))
def test_no_text_does_harm(text):
    """It is refused, or gives a plain value."""
    try:
        formula = Formula(text)
    except ValueError:
        return
    assert isinstance(formula.evaluate(lambda name: 1.0), (int, float, str, bool, type(None), type(...)))


def test_whole_numbers_are_no_way_to_endless_work():
    """Those that functions give, or other values, have their powers as floats too."""
    assert math.isnan(Formula("floor(9) ** floor(9) ** floor(9)").evaluate({}.get))
    assert math.isnan(Formula("N ** N").evaluate({"N": 10**9}.get))
    assert Formula("N ** 2").evaluate({"N": 3}.get) == 9
    assert math.isnan(Formula("N ** 2").evaluate({"N": "a"}.get))
