"""Values in commands."""

import pytest

from dripline.simulation.kinds import KINDS, Choice, kind_of
from dripline.simulation.status import ScpiError


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("float", "5", 5.0),
        ("float", "-.5e1", -5.0),
        ("float", "+5 V", 5.0),
        ("float", "5v", 5.0),
        ("integer", "4.6", 5),
        ("boolean", "on", True),
        ("boolean", "OFF", False),
        ("boolean", "1", True),
        ("boolean", "0.2", False),
        ("text", '"it ""is"""', 'it "is"'),
        ("text", "plain", "plain"),
    ],
)
def test_a_word_is_read(kind, text, expected):
    """As the standard has it: units, rounding, on and off, quotes."""
    assert KINDS[kind].parse(text, "V") == expected


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("float", "five", -104),
        ("float", "5 mA", -131),
        ("float", "1e999", -222),
        ("float", "1" * 1000, -104),
        ("float", "nan", -104),
        ("integer", "1e9999", -222),
        ("boolean", "maybe", -104),
    ],
)
def test_another_word_is_an_error(kind, text, number):
    """With the standard's number."""
    with pytest.raises(ScpiError) as error:
        KINDS[kind].parse(text, "V")
    assert error.value.number == number


def test_choices_have_short_forms():
    """The value is the word as described; others are refused."""
    kind = Choice(["IMMediate", "BUS"])
    assert kind.default == "IMMediate"
    assert [kind.parse(text, "") for text in ("imm", "IMMEDIATE", "'bus'")] == ["IMMediate", "IMMediate", "BUS"]
    with pytest.raises(ScpiError):
        kind.parse("IMME", "")


def test_the_kind_follows_from_the_initial_value():
    """A number is float: the next one may have a fraction."""
    assert [kind_of(value).name for value in (1, 1.5, True, "a", None)] == [
        *("float", "float", "boolean", "text", "float")
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("float", "5"), ("float", True), ("float", float("inf")), ("integer", 10**400), ("boolean", "on")],
)
def test_python_values_are_checked(kind, value):
    """What cannot be such a value is refused."""
    with pytest.raises(ValueError, match="must be"):
        KINDS[kind].convert(value)
