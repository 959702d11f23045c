"""One bool, number or text."""

from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scarab


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (True, "bool", "true"),
        (False, "bool", "false"),
        (3, "int", "3"),
        (-3, "int", "-3"),
        (1.5, "double", "1.500000"),
        (1e-9, "double", "1e-09"),
        ("hi", "string", "hi"),
    ],
)
def test_a_value_knows_its_type_and_text(value, kind, text):
    """Text of floating-point numbers has six decimals unless that would lose something."""
    held = scarab.ParamValue(value)
    assert held.type() == kind
    assert held.as_string() == str(held) == text
    assert held.to_python() == value
    assert type(held.to_python()) is type(value)


def test_the_type_can_be_asked_for():
    """A bool is no int."""
    assert scarab.ParamValue(True).is_bool()
    assert not scarab.ParamValue(True).is_int()
    assert scarab.ParamValue(1).is_int()
    assert scarab.ParamValue(1).is_uint()
    assert not scarab.ParamValue(-1).is_uint()
    assert scarab.ParamValue(1.0).is_double()
    assert scarab.ParamValue("1").is_string()


@pytest.mark.parametrize(
    ("value", "as_bool", "as_int", "as_double"),
    [
        (True, True, 1, 1.0),
        (0, False, 0, 0.0),
        (2.9, True, 2, 2.9),
        ("12", True, 12, 12.0),
        ("1.5", True, 1, 1.5),
        ("0", False, 0, 0.0),
    ],
)
def test_values_are_read_as_other_types(value, as_bool, as_int, as_double):
    """Numbers and text that holds a number."""
    held = scarab.ParamValue(value)
    assert held.as_bool() is as_bool
    assert held.as_int() == as_int
    assert held.as_uint() == as_int
    assert held.as_double() == as_double


def test_text_is_read_as_a_bool():
    """The words true and false, in any case."""
    assert scarab.ParamValue("True").as_bool() is True
    assert scarab.ParamValue("false").as_bool() is False


def test_what_cannot_be_read_is_a_value_error():
    """Text that is no number, and a negative number as unsigned."""
    for read in (
        scarab.ParamValue("abc").as_int,
        scarab.ParamValue("abc").as_double,
        scarab.ParamValue("abc").as_bool,
        scarab.ParamValue(-1).as_uint,
    ):
        with pytest.raises(ValueError, match=r"abc|negative"):
            read()


def test_a_value_can_be_set():
    """Also to another type."""
    held = scarab.ParamValue(1)
    held.set("text")
    assert held.to_python() == "text"


def test_numbers_of_other_libraries_become_pythons():
    """Enumerations and whatever stands for a whole number."""

    class Register:
        def __index__(self):
            return 7

    number = IntEnum("number", {"five": 5})
    assert type(scarab.ParamValue(number.five).to_python()) is int
    assert scarab.ParamValue(Register()).to_python() == 7


@pytest.mark.parametrize("wrong", [None, [1], {}, b"x", object()])
def test_other_things_are_refused(wrong):
    """TypeError, with the type named."""
    with pytest.raises(TypeError, match=type(wrong).__name__):
        scarab.ParamValue(wrong)


@given(st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text())
def test_the_printed_number_is_the_number(value):
    """Nothing is lost in print."""
    text = scarab.ParamValue(value).as_string()
    if isinstance(value, float):
        assert float(text) == value
    elif not isinstance(value, bool):
        assert text == str(value)
