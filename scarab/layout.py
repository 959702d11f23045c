"""Scalars, and the indented text form of values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

#: A value that is neither null, a list nor a mapping.
Scalar: TypeAlias = bool | int | float | str
#: What the reference calls the types of such values.
TYPE_NAMES = {bool: "bool", int: "int", float: "double", str: "string"}
_INDENT = "    "


def to_text(value: Any, level: int = 0, shown: Callable[[str], str] = str) -> str:
    """Lay out a value of plain Python.

    A list or a mapping starts and ends with a line break, so that an empty line follows where it is nested.

    Args:
        value: None, bool, number, text, or lists and mappings of these; anything else is shown by `str()`.
        level: how many levels deep it stands.
        shown: applied to each key and scalar value.
    """
    if isinstance(value, Mapping):
        entries = sorted(value.items(), key=lambda entry: str(entry[0]))
        lines = [f"{shown(str(key))} : {to_text(item, level + 1, shown)}" for key, item in entries]
        return _block("{}", lines, level)
    if isinstance(value, (list, tuple)):
        return _block("[]", [to_text(item, level + 1, shown) for item in value], level)
    return shown(scalar_text(value))


def scalar_text(value: Any) -> str:
    """Show one value that is neither a list nor a mapping."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        fixed = f"{value:f}"
        # Six decimals are what the reference prints; they must not turn 1e-9 into 0.
        return fixed if float(fixed) == value else repr(float(value))
    return str(value)


def scalar_of(value: Any) -> Scalar:
    """Make one of Python's own bool, int, float or str of a value.

    Raises:
        TypeError: it is none of these and nothing that stands for a whole number.
    """
    if isinstance(value, bool) or type(value) in TYPE_NAMES:
        return value  # type: ignore[no-any-return]  # mypy does not follow a look-up of types
    for kind in (int, float, str):  # subclasses: enumerations, numpy.float64, ...
        if isinstance(value, kind):
            return kind(value)
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"a {type(value).__name__} is neither bool, number nor text: {value!r:.100}") from None


def _block(brackets: str, lines: list[str], level: int) -> str:
    outer, inner = _INDENT * level, _INDENT * (level + 1)
    body = "".join(f"{inner}{line}\n" for line in lines)
    return f"\n{outer}{brackets[0]}\n{body}{outer}{brackets[1]}\n"
