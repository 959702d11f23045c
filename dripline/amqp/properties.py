"""Message properties read from raw bytes, the header table only when somebody asks for it."""

from __future__ import annotations

import struct
from typing import Any

from dripline.amqp.field_table import decode_table

_LENGTH = struct.Struct(">I")
_SHORT, _TABLE, _OCTET = range(3)
# (flag, name, kind) in the order in which AMQP writes them
_FIELDS = (
    (1 << 15, "content_type", _SHORT),
    (1 << 14, "content_encoding", _SHORT),
    (1 << 13, "_table", _TABLE),
    (1 << 12, "delivery_mode", _OCTET),
    (1 << 11, "priority", _OCTET),
    (1 << 10, "correlation_id", _SHORT),
    (1 << 9, "reply_to", _SHORT),
    (1 << 8, "expiration", _SHORT),
    (1 << 7, "message_id", _SHORT),
)
_fields_of: dict[int, list[tuple[str, int]]] = {}


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
        for name, kind in _present((data[0] << 8 | data[1]) & 0xFF80):
            start = at + 1
            if kind is _SHORT:
                at = start + data[at]
                value: Any = data[start:at].decode("utf-8", "replace")
            elif kind is _TABLE:
                start = at
                at = start + 4 + _LENGTH.unpack_from(data, start)[0]
                value = data[start:at]
            else:
                value, at = data[at], start
            if at > size:
                raise IndexError(f"{name} runs past the end")
            values[name] = value


def _present(flags: int) -> list[tuple[str, int]]:
    """Return which fields follow; the flags of a mesh's messages are nearly always the same."""
    fields = _fields_of.get(flags)
    if fields is None:
        fields = _fields_of[flags] = [(name, kind) for bit, name, kind in _FIELDS if flags & bit]
    return fields
