"""A row that is to be written, and its line in a file."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

_TAG = "$python"
_MAPPING = "mapping"


class Row(NamedTuple):
    """A row on its way.

    Attributes:
        table: The name under which the database side knows where it goes.
        values: Value by column.
        message_id: What makes it one and the same row when it comes again.
        token: What is given back when it is safe; None for nothing.
        size: Estimate of the bytes that it takes in memory; 0 if nobody has counted.
    """

    table: str
    values: Mapping[str, Any]
    message_id: str
    token: Any = None
    size: int = 0


def size_of(value: Any) -> int:
    """Estimate how many bytes a value takes in memory, with everything in it."""
    total = 0
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        total += sys.getsizeof(item, 100)
        if isinstance(item, (dict, list, tuple)) and id(item) not in seen:  # one that contains itself counts once
            seen.add(id(item))
            if isinstance(item, dict):
                waiting.extend(item.keys())
                waiting.extend(item.values())
            else:
                waiting.extend(item)
    return total


def to_line(row: Row) -> bytes:
    """Write a row as one line of JSON, without its token.

    Raises:
        ValueError: A value cannot be written: circular, nested without end, or of a kind that has no text.
    """
    try:
        content = [row.table, row.message_id, _escaped(dict(row.values))]
        text = json.dumps(content, default=_tagged, separators=(",", ":"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except Exception as error:  # noqa: BLE001  # str() of a laboratory's own class may raise anything
        raise ValueError(f"cannot be written down: {error}") from None
    return text.encode() + b"\n"


def from_line(line: bytes) -> Row:
    """Read what `to_line` wrote.

    Raises:
        ValueError: It is no such line.
    """
    try:
        table, message_id, values = json.loads(line, object_hook=_untagged)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no line of a row: {error}") from None
    if not (isinstance(table, str) and isinstance(message_id, str) and isinstance(values, dict)):
        raise ValueError("no line of a row")
    return Row(table, values, message_id)


def _escaped(value: Any) -> Any:
    """A value in which no mapping of a payload looks like a tag."""
    if isinstance(value, dict):
        inner = {key: _escaped(item) for key, item in value.items()}
        return {_TAG: [_MAPPING, list(inner.items())]} if _TAG in inner else inner
    return list(map(_escaped, value)) if isinstance(value, (list, tuple)) else value


def _tagged(value: Any) -> Any:
    for kind, name, write, _ in _KINDS:
        if isinstance(value, kind):
            return {_TAG: [name, write(value)]}
    return str(value)


def _untagged(node: dict[str, Any]) -> Any:
    tagged = node.get(_TAG)
    if len(node) != 1 or not isinstance(tagged, list) or len(tagged) != 2:
        return node
    if tagged[0] == _MAPPING:
        return dict(tagged[1])
    for _, name, _, read in _KINDS:
        if name == tagged[0] and isinstance(tagged[1], str):
            try:
                return read(tagged[1])
            except (ValueError, ArithmeticError):
                return node  # nobody wrote that
    return node


# A datetime is a date as well, so it stands first.
_KINDS: tuple[tuple[type, str, Callable[[Any], str], Callable[[str], Any]], ...] = (
    (datetime, "datetime", datetime.isoformat, datetime.fromisoformat),
    (date, "date", date.isoformat, date.fromisoformat),
    (Decimal, "decimal", str, Decimal),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
)
