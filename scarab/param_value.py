"""One bool, number or text."""

from __future__ import annotations

import operator
from typing import Any, ClassVar, TypeAlias

from scarab.layout import scalar_text
from scarab.param import Param
from scarab.reach import Reach

#: What a `ParamValue` holds.
Scalar: TypeAlias = bool | int | float | str


class ParamValue(Param):
    """One bool, number or text of a payload.

    Args:
        value: the value; other whole numbers than int, as numpy has, become int. Another `ParamValue` is copied.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, value: Scalar | ParamValue) -> None:
        self.set(value)

    def is_null(self) -> bool:
        """Tell whether there is no value."""
        return False

    def is_value(self) -> bool:
        """Tell whether this is one bool, number or text."""
        return True

    def as_value(self) -> ParamValue:
        """Take this for one bool, number or text."""
        return self

    def set(self, value: Scalar | ParamValue) -> None:
        """Put another value here.

        Raises:
            TypeError: it is neither bool, number nor text.
        """
        self._value: Scalar = scalar(value._value if isinstance(value, ParamValue) else value)

    def to_python(self, underscore_keys: bool = False) -> Any:
        """Give the value as plain Python."""
        return self._value

    def type(self) -> str:
        """Name what is held: `bool`, `int`, `double` or `string`."""
        return _TYPE_NAMES[type(self._value)]

    def is_bool(self) -> bool:
        """Tell whether a bool is held."""
        return isinstance(self._value, bool)

    def is_int(self) -> bool:
        """Tell whether a whole number is held."""
        return type(self._value) is int

    def is_uint(self) -> bool:
        """Tell whether a whole number that is not negative is held."""
        return type(self._value) is int and self._value >= 0

    def is_double(self) -> bool:
        """Tell whether a floating-point number is held."""
        return isinstance(self._value, float)

    def is_string(self) -> bool:
        """Tell whether text is held."""
        return isinstance(self._value, str)

    def as_bool(self) -> bool:
        """Read the value as a bool; ValueError for text that is neither true, false nor a number."""
        if not isinstance(self._value, str):
            return bool(self._value)
        word = self._value.strip().lower()
        return word == "true" if word in ("true", "false") else bool(float(word))

    def as_int(self) -> int:
        """Read the value as a whole number, cutting decimals off; ValueError for text that is no number."""
        if not isinstance(self._value, str):
            return int(self._value)
        try:
            return int(self._value)
        except ValueError:
            return int(float(self._value))

    def as_uint(self) -> int:
        """Read the value as a whole number that is not negative; ValueError if it cannot be one."""
        number = self.as_int()
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number

    def as_double(self) -> float:
        """Read the value as a floating-point number; ValueError for text that is no number."""
        return float(self._value)

    def as_string(self) -> str:
        """Read the value as text."""
        return scalar_text(self._value)


_TYPE_NAMES = {bool: "bool", int: "int", float: "double", str: "string"}


def scalar(value: Any) -> Scalar:
    """Make one of Python's own bool, int, float or str of a value.

    Raises:
        TypeError: it is none of these and nothing that stands for a whole number.
    """
    if isinstance(value, bool) or type(value) in _TYPE_NAMES:
        return value  # type: ignore[no-any-return]  # mypy does not follow a look-up of types
    for kind in (int, float, str):  # subclasses: enumerations, numpy.float64, ...
        if isinstance(value, kind):
            return kind(value)
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"a {type(value).__name__} is neither bool, number nor text: {value!r:.100}") from None
