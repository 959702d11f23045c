"""Basic properties and field tables: decoding from and encoding to bytes.

A header table is decoded only when it is asked for. A peer's ``sender_info`` is the same in each of its messages
and is most of a header table, so nested tables are remembered by their bytes. Unlike pika 1.4.4 this keeps the
fraction of floating point fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from dripline.errors import DriplineError

_LENGTH = struct.Struct(">I")
#: Packs the 32-bit length or number of AMQP.
pack_long = _LENGTH.pack
_TEXT = ord("S")
_MAX_DEPTH = 16
_REMEMBERED_IN_ALL = 256 * 1024  # some 300 peers; what is made of the bytes can be 25 times as large
_REMEMBERED_BYTES = 4096  # of one table: what a sender_info may need, and no more
_seen: dict[bytes, dict[str, Any]] = {}
_seen_bytes = 0  # about: threads that add at the same moment may lose a table's length

# The letters of AMQP for numbers, and those of `struct`.
_NUMBERS = {
    ord(letter): struct.Struct(">" + code) for letter, code in zip("tbBsUuIilLTfd", "?bBhhHiIqqQfd", strict=True)
}


def decode_table(data: bytes) -> dict[str, Any]:
    """Decode one field table.

    Args:
        data: The table, beginning with its length in four bytes.

    Returns:
        Field names and values; integers of every width as ``int``, ``T`` as seconds since 1970, ``x`` as bytes.
        Tables within it are shared between messages: they are not to be changed.

    Raises:
        ValueError: The bytes are no field table, or are nested deeper than 16 levels.
    """
    try:
        return _table(data, 0, 0)[0]
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"damaged header table: {error}") from None


def _table(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if end > len(data) or depth > _MAX_DEPTH:
        raise IndexError("table runs past the end or is nested too deeply")
    at += 4
    fields: dict[str, Any] = {}
    while at < end:
        key_end = at + 1 + data[at]
        key = data[at + 1 : key_end].decode("utf-8")
        if data[key_end] == _TEXT:  # most fields are: read here, since calls cost more than the reading
            start = key_end + 5
            at = start + _LENGTH.unpack_from(data, key_end + 1)[0]
            fields[key] = data[start:at].decode("utf-8", "replace")
        else:
            fields[key], at = _value(data, key_end, depth)
    if at != end:
        raise IndexError("a field runs past the end of its table")
    return fields, at


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind = data[at]
    at += 1
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.unpack_from(data, at)[0], at + number.size
    reader = _READERS.get(kind)
    if reader is None:
        raise IndexError(f"unknown field type {chr(kind)!r}")
    return reader(data, at, depth)


def _text(data: bytes, at: int, _depth: int) -> tuple[str, int]:
    raw, end = _bytes(data, at, _depth)
    return raw.decode("utf-8", "replace"), end


def _bytes(data: bytes, at: int, _depth: int) -> tuple[bytes, int]:
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if end > len(data):
        raise IndexError("text runs past the end")
    return data[at + 4 : end], end


def _nested(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if depth or end - at > _REMEMBERED_BYTES:
        # Only the header table itself is cached: tables remembered within tables would
        # add up to any depth.
        return _table(data, at, depth + 1)
    raw = data[at:end]
    known = _seen.get(raw)
    if known is None:
        known, _ = _table(raw, 0, depth + 1)
        _remember(raw, known)
    return known, end


def _remember(raw: bytes, known: dict[str, Any]) -> None:
    global _seen_bytes
    if _seen_bytes > _REMEMBERED_IN_ALL:
        _seen.clear()
        _seen_bytes = 0
    _seen[raw] = known
    _seen_bytes += len(raw)


def _array(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if end > len(data) or depth > _MAX_DEPTH:
        raise IndexError("array runs past the end or is nested too deeply")
    at += 4
    values: list[Any] = []
    while at < end:
        value, at = _value(data, at, depth + 1)
        values.append(value)
    if at != end:
        raise IndexError("a value runs past the end of its array")
    return values, at


def _decimal(data: bytes, at: int, _depth: int) -> tuple[float, int]:
    digits, raw = struct.unpack_from(">Bi", data, at)
    return raw / 10**digits, at + 5


def _nothing(_data: bytes, at: int, _depth: int) -> tuple[None, int]:
    return None, at


_READERS: dict[int, Callable[[bytes, int, int], tuple[Any, int]]] = {
    _TEXT: _text,
    ord("x"): _bytes,
    ord("F"): _nested,
    ord("A"): _array,
    ord("D"): _decimal,
    ord("V"): _nothing,
}


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


def encode_table(fields: Mapping[str, Any]) -> bytes:
    """Encode the value of a field that is a table: type `F`, length, fields in alphabetical order."""
    data = b"".join(short_string(name) + encode_value(fields[name]) for name in sorted(fields))
    return b"F" + pack_long(len(data)) + data


def encode_value(value: Any) -> bytes:
    """Encode one value with the type that real peers use for it.

    Raises:
        TypeError: dripline has no header of that type.
    """
    if isinstance(value, str):
        return long_string(value)
    if isinstance(value, Mapping):
        return encode_table(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return unsigned(value)
    raise TypeError(f"no dripline header holds a {type(value).__name__}: {value!r}")


_SHORT, _TABLE = -1, -2
# Names, and bytes of each, in the order in which AMQP writes them: the first one has the highest flag.
_LAYOUT = (
    ("content_type", _SHORT),
    ("content_encoding", _SHORT),
    ("_table", _TABLE),
    ("delivery_mode", 1),
    ("priority", 1),
    ("correlation_id", _SHORT),
    ("reply_to", _SHORT),
    ("expiration", _SHORT),
    ("message_id", _SHORT),
    ("timestamp", 8),
    ("type", _SHORT),
    ("user_id", _SHORT),
    ("app_id", _SHORT),
    ("cluster_id", _SHORT),
)
_READ = 0xFF80  # up to message_id
_KNOWN = 0xFFFC


class RawProperties:
    """AMQP basic properties over the bytes of a content header.

    Strings that are not UTF-8 are read with replacement characters: a hostile peer must not stop the reader.

    Attributes:
        content_type, content_encoding, correlation_id, reply_to, expiration, message_id: Text, or None.
        delivery_mode, priority: Numbers, or None.
        raw: The bytes that were read, to publish them again.
        damage: What is wrong with the bytes, or None; fields behind the damage are missing then.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    damage: str | None = None
    _table: bytes | None = None

    def __init__(self, data: bytes) -> None:
        self.raw = data
        try:
            self._read(data)
        except (struct.error, IndexError) as error:
            self.damage = f"damaged message properties: {error}"

    @property
    def headers(self) -> dict[str, Any] | None:
        """The header table, decoded at each access; None when the message has none.

        Raises:
            ValueError: The table is damaged.
        """
        return None if self._table is None else decode_table(self._table)

    def _read(self, data: bytes) -> None:
        values, at, size = self.__dict__, 2, len(data)
        for name, kind in _present((data[0] << 8 | data[1]) & _READ):
            start = at + 1
            if kind == _SHORT:
                at = start + data[at]
                value: Any = data[start:at].decode("utf-8", "replace")
            elif kind == _TABLE:
                start = at
                at = start + 4 + _LENGTH.unpack_from(data, start)[0]
                value = data[start:at]
            else:
                value, at = data[at], start
            if at > size:
                raise IndexError(f"{name} runs past the end")
            values[name] = value


def end_of_properties(data: bytes, at: int, flags: int) -> int:
    """Find out where properties end, without reading them.

    Args:
        data: Bytes with properties in them.
        at: Where the properties begin, behind their flags.
        flags: Those of the properties, or some of the first of them.

    Raises:
        IndexError: They run past the end, or are unknown.
    """
    for _, size in _present(flags):
        if size == _SHORT:
            at += 1 + data[at]
        elif size == _TABLE:
            at += 4 + int.from_bytes(data[at : at + 4], "big")
        else:
            at += size
    return at


@cache
def _present(flags: int) -> tuple[tuple[str, int], ...]:
    if flags & ~_KNOWN:
        raise IndexError("unknown property")
    return tuple(entry for number, entry in enumerate(_LAYOUT) if flags & 0x8000 >> number)
