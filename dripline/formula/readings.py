"""Reads numbers from device values, and looks values up in calibration tables.

Formulas, calibration tables, `set_value_map`, alarm limits, log conditions and SQL loggers all use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

# A longer text is not a measured value, and Python refuses to read integers of more than some 4300 digits.
_LONGEST_NUMBER = 1000
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(
    r"([-+]?)\.?(inf|infinity|nan)", re.ASCII | re.IGNORECASE
)  # with a dot: as YAML writes it
_HEXADECIMAL = re.compile(r"[-+]?0x[\da-f]+", re.ASCII | re.IGNORECASE)
_KEYS_SHOWN = 20
_SHOWN = 100
_BOOLEANS = {"true": True, "false": False}

# Keys that stand for a boolean or null in tables, beside the texts that `number_of` reads.
_SPELLINGS: Mapping[Any, frozenset[str]] = {
    True: frozenset({"true", "True", "TRUE", "yes", "on"}),
    False: frozenset({"false", "False", "FALSE", "no", "off"}),
    None: frozenset({"null", "None", "~", ""}),
}


def number_of(value: Any) -> float | None:
    """Read a value from a device as a number.

    Args:
        value: A number of any kind, a boolean, or a text such as ``1``, ``000300``, ``+1.00000E+00``, ``0x1F``,
            ``nan``, ``inf`` or ``true``. White space around a text, line ends included, is ignored.

    Returns:
        An int, a float or a bool; None if the value is not one number.
    """
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _number_in(value.strip())
    if not hasattr(type(value), "__float__"):  # Decimal and numpy's numbers have it
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _number_in(text: str) -> float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if match := _NOT_FINITE.fullmatch(text):
        return float(match[1] + match[2])
    return _BOOLEANS.get(text.lower())


def float_of(value: Any) -> float | None:
    """Read a value like `number_of`, as a float; None also for an integer that is too large for one."""
    number = number_of(value)
    try:
        return None if number is None else float(number)
    except OverflowError:
        return None


def means_same(key: Any, value: Any) -> bool:
    """Whether a key of a table stands for a value: as the same text or number, or as a boolean or null."""
    return _is_text_of(key, value) or _is_number_of(key, value)


def _is_equal(key: Any, value: Any) -> bool:
    return type(key) is type(value) and bool(key == value)


def _is_text_of(key: Any, value: Any) -> bool:
    """Whether a key is how a value is written; booleans and null have several spellings."""
    if str(key) in (str(value), str(value).strip()):
        return True
    number = number_of(value)
    return (value is None or isinstance(number, bool)) and str(key) in _SPELLINGS[number]


def _is_number_of(key: Any, value: Any) -> bool:
    known, number = number_of(key), number_of(value)
    if known is None or number is None:
        return False
    return known == number or (known != known and number != number)  # two NaN are the same key


def look_up(table: Mapping[Any, Any], value: Any) -> Any:
    """Find the entry of a table for a value.

    A key that is the value itself is preferred to one with the same text, and that one to one that is the same
    number.

    Raises:
        LookupError: The table has no such entry; the message names the value and the keys.
    """
    for fits in (_is_equal, _is_text_of, _is_number_of):
        for key, entry in table.items():
            if fits(key, value):
                return entry
    keys = [*map(repr, islice(table, _KEYS_SHOWN)), *(["…"] if len(table) > _KEYS_SHOWN else [])]
    raise LookupError(f"{shortened(value)} is none of {', '.join(keys)}")


def refuse_empty_table(value: Any) -> None:
    """Refuse a table that has no entry for any value.

    Raises:
        ValueError: it is an empty table, which is what YAML makes of a formula ``{}`` without quotes.
    """
    if isinstance(value, Mapping) and not value:
        raise ValueError("is an empty table; write a formula in quotes: '{}'")


def shortened(value: Any) -> str:
    """A value as messages show it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
