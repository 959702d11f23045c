"""AMQP field tables and short strings, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any

from dripline.errors import DriplineError

_LONG = Struct(">I")

#: Packs the 32-bit length or number of AMQP.
pack_long = _LONG.pack


def short_string(text: str) -> bytes:
    """Encode a short string: one byte of length, then UTF-8.

    Raises:
        DriplineError: longer than the 255 bytes AMQP allows.
    """
    # A lone surrogate has no UTF-8; a question mark in its place is better than no message.
    data = text.encode("utf-8", "replace")
    if len(data) > 255:
        shown = f"a name or routing key of {len(data)} bytes, {text[:60]!r}..."
        raise DriplineError(f"{shown}, is longer than the 255 bytes AMQP allows")
    return bytes((len(data),)) + data


def long_string(text: str) -> bytes:
    """Encode the value of a field that is a string: type `S`, length, UTF-8."""
    data = text.encode("utf-8", "replace")
    return b"S" + pack_long(len(data)) + data


def unsigned(number: int) -> bytes:
    """Encode the value of a field that is a whole number: type `i`, 32 bits."""
    return b"i" + pack_long(number & 0xFFFFFFFF)


def table(fields: Mapping[str, Any]) -> bytes:
    """Encode the value of a field that is a table: type `F`, length, fields in alphabetical order."""
    data = b"".join(short_string(name) + value_of(fields[name]) for name in sorted(fields))
    return b"F" + pack_long(len(data)) + data


def value_of(value: Any) -> bytes:
    """Encode one value with the type that real peers use for it.

    Raises:
        TypeError: dripline has no header of that type.
    """
    if isinstance(value, str):
        return long_string(value)
    if isinstance(value, Mapping):
        return table(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return unsigned(value)
    raise TypeError(f"no dripline header holds a {type(value).__name__}: {value!r}")
