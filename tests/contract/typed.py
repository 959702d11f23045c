"""AMQP properties with the types of their header fields: what client libraries hide."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

# Order and bit of each property; True for the ones that are short strings.
_PROPERTIES = [
    ("content_type", 15, "s"),
    ("content_encoding", 14, "s"),
    ("headers", 13, "F"),
    ("delivery_mode", 12, "B"),
    ("priority", 11, "B"),
    ("correlation_id", 10, "s"),
    ("reply_to", 9, "s"),
    ("expiration", 8, "s"),
    ("message_id", 7, "s"),
    ("timestamp", 6, "T"),
    ("type", 5, "s"),
    ("user_id", 4, "s"),
    ("app_id", 3, "s"),
]
_FIXED = {
    "b": ">b",
    "B": ">B",
    "s": ">h",
    "u": ">H",
    "I": ">i",
    "i": ">I",
    "l": ">q",
    "L": ">Q",
    "d": ">d",
    "T": ">Q",
}


class Typed(NamedTuple):
    """A value of a header table.

    Attributes:
        type: the AMQP field type, one letter.
        value: the value; of a table, a mapping of such.
    """

    type: str
    value: Any


def decode_properties(data: bytes) -> dict[str, Any]:
    """Read flags and property list of a content header.

    Args:
        data: what follows the body size in a content header frame.

    Returns:
        Properties by name, in order; `flags` is the number that tells which there are.
    """
    (flags,) = struct.unpack_from(">H", data)
    properties: dict[str, Any] = {"flags": flags}
    at = 2
    for name, bit, kind in _PROPERTIES:
        if flags & 1 << bit:
            properties[name], at = _short(data, at) if kind == "s" else _value(data, at, kind)
    assert at == len(data), "bytes are left over"
    return properties


def encode_properties(**properties: Any) -> bytes:
    """Write flags and property list; `headers` is a mapping of `Typed`, the others are text."""
    flags, parts = 0, []
    for name, bit, kind in _PROPERTIES:
        if name in properties:
            flags |= 1 << bit
            value = properties[name]
            parts.append(_short_string(value) if kind == "s" else encode_value(Typed(kind, value)))
    return struct.pack(">H", flags) + b"".join(parts)


def encode_value(typed: Typed) -> bytes:
    """Write a value, without its type."""
    kind, value = typed
    if kind in _FIXED:
        return struct.pack(_FIXED[kind], value)
    if kind in ("S", "x"):
        data = value if isinstance(value, bytes) else value.encode()
        return struct.pack(">I", len(data)) + data
    if kind == "F":
        return _counted(b"".join(_short_string(name) + _with_type(item) for name, item in value.items()))
    if kind == "A":
        return _counted(b"".join(_with_type(item) for item in value))
    if kind == "t":
        return bytes([value])
    assert kind == "V", f"unknown type {kind!r}"
    return b""


def plain(value: Any) -> Any:
    """The value without types."""
    if isinstance(value, Typed):
        return plain(value.value)
    return {name: plain(item) for name, item in value.items()} if isinstance(value, Mapping) else value


def types(value: Any) -> Any:
    """The types without values; of tables, those of what is in them, in order."""
    if isinstance(value, Typed):
        return types(value.value) if value.type == "F" else value.type
    return [(name, types(item)) for name, item in value.items()]


def typed(value: Any) -> Typed:
    """Give a plain value the type that peers give it."""
    if isinstance(value, Mapping):
        return Typed("F", {name: typed(item) for name, item in value.items()})
    return Typed("S", value) if isinstance(value, str) else Typed("i", value)


def _with_type(item: Typed) -> bytes:
    return item.type.encode() + encode_value(item)


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _short_string(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return bytes([len(data)]) + data


def _short(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode(), end


def _value(data: bytes, at: int, kind: str) -> tuple[Any, int]:
    if kind in _FIXED:
        (number,) = struct.unpack_from(_FIXED[kind], data, at)
        return number, at + struct.calcsize(_FIXED[kind])
    if kind == "V":
        return None, at
    (size,) = struct.unpack_from(">I", data, at)
    start, end = at + 4, at + 4 + size
    if kind == "F":
        return _table(data, start, end), end
    content = data[start:end]
    return content.decode() if kind == "S" else content, end


def _table(data: bytes, at: int, end: int) -> dict[str, Typed]:
    table = {}
    while at < end:
        name, at = _short(data, at)
        kind = chr(data[at])
        value, at = _value(data, at + 1, kind)
        table[name] = Typed(kind, value)
    return table
