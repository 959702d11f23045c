"""Formulas told right and wrong before they are evaluated."""

from __future__ import annotations

import pytest

from dripline.formula.check import check_formula, difference_from_reference, known_names, unknown_names


@pytest.mark.parametrize("text", ["2*{}", "'{}'.strip()", "int('{}', 16)", "max({})", "a = 2; a*{}", "1{}", "1"])
def test_what_some_raw_value_makes_a_formula_of_is_one(text):
    """Also where only a text does."""
    check_formula(text)
    assert unknown_names(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2*", "^'2\\*' is not a formula: invalid syntax$"),
        ("{raw}*2", "^'{raw}\\*2' is not a template: field {raw}"),
        ("import os", "is refused"),
        ("{}.__class__", "is refused"),
        ("ch{}", "a hole {} stands for a value"),
    ],
)
def test_what_no_raw_value_makes_a_formula_of_is_none(text, reason):
    """With the reason."""
    with pytest.raises(ValueError, match=reason):
        check_formula(text)


def test_names_that_mean_nothing_are_told():
    """Those that a laboratory brings do; what formulas may not have does not."""
    assert unknown_names("cal({}) + sqrrt({}) + open({}) + sqrt({})", ["cal"]) == ["open", "sqrrt"]
    assert unknown_names("[x for x in [{}]]") == []


def test_the_names_in_the_documents_are_known():
    """They can be used in formulas with and without numpy."""
    names = "abs bool float int len max min round str cos e exp inf log log10 nan pi pow sin sqrt tan"
    assert known_names() >= {*names.split(), "sum", "range", "sorted"}


@pytest.mark.parametrize(
    "text",
    [
        "{}**2",
        "0.1*{}**2+3",
        "-{} ** 2",
        "{}**0.5",
        "lab({}**2)",
        "f'{{{}**2}}'",
        "sqrt({}**2)",
        "{}**2 if {} else 0",
    ],
)
def test_a_formula_that_the_reference_computes_differently_is_pointed_out(text):
    """It puts the text of a negative number into the formula, where the power binds tighter than the sign."""
    difference = difference_from_reference(text)
    assert difference is not None
    assert "'({})' instead of '{}' gives the same result in both" in difference
    assert difference_from_reference(text.replace("{}**", "({})**").replace("{} **", "({}) **")) is None


@pytest.mark.parametrize(
    "text",
    [
        "2*{}",
        "({})**2",
        "{}**3",
        "{}**-1",
        "2.0**{}",
        "abs({})**2",
        "({}+1)**2",
        "{}-{}",
        "'{}'**2",
        "[{}][0]",
        "{}.real",
    ],
)
def test_a_formula_that_gives_the_same_is_not(text):
    """Also where the sign is read otherwise, and the result is equal."""
    assert difference_from_reference(text) is None
