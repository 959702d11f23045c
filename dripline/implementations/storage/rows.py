"""Rows on their way into a database, and those that it will never take."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from dripline.runtime.durable_files import LIMIT_BYTES, LineFile
from dripline.runtime.outage import Outage
from dripline.runtime.spool import Position

logger = logging.getLogger("dripline.database")


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
        position: The position behind it in the spool; None if it is in memory only.
        damage: Why what was on disk is not a row; empty if it is.
    """

    table: str
    values: Mapping[str, Any]
    message_id: str
    token: Any = None
    size: int = 0
    position: Position | None = None
    damage: str = ""

    def counted(self) -> Row:
        """Return a row that knows its size."""
        return self if self.size else self._replace(size=size_of(self.values))


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


def row_of_line(line: bytes) -> Row:
    """Read what `to_line` wrote; a line that it did not write gives a row that is damaged."""
    try:
        return from_line(line)
    except ValueError as error:
        return Row("", {"line": line.decode("utf-8", "replace")}, "", damage=f"damaged on disk: {error}")


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


_LOUD = 5  # so many are logged one by one


class Refusal(NamedTuple):
    """A row and what is wrong with it."""

    row: Row
    reason: str


class DeadLetters:
    """A file of JSON lines: when, table, message id, reason, values.

    Args:
        path: The file. When it has grown to the limit it becomes ``<path>.1``, in place of the one before.
        who: The service, for messages.
        limit_bytes: How long it may grow.

    Attributes:
        count: How many rows were refused in this run.
        disk: Whether the disk did not take rows when that was last tried.
    """

    def __init__(self, path: Path, who: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self.count = 0
        self.disk = Outage(logger)
        self._who = who
        self._lines = LineFile(path, who, limit_bytes)
        self._writing = threading.Lock()
        self._waiting: list[Refusal] = []

    @property
    def is_waiting(self) -> bool:
        """Whether refused rows wait for a disk that takes them."""
        return bool(self._waiting)

    def file(self, refusals: Sequence[Refusal] = ()) -> list[Row]:
        """Append rows, after those that the disk did not take before; what it does not take now waits in memory.

        Returns:
            The rows that are on disk now.
        """
        with self._writing:
            self._waiting += refusals
            filed = self._waiting
            try:
                self._add(filed)
            except OSError:  # it was logged
                return []
            self._waiting = []
        return [refusal.row for refusal in filed]

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Append rows; they are on disk when this returns.

        Raises:
            OSError: The disk does not take them; nothing was appended.
        """
        with self._writing:
            self._add(refusals)

    def _add(self, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        data = b"".join(map(_line, refusals))
        try:
            self._lines.append(data)
        except OSError as error:
            text = "%s: %s takes no refused rows, they wait: %s"
            self.disk.begin(str(error), text, self._who, self.path, error)
            raise
        self.disk.end("%s: %s takes refused rows again", self._who, self.path)
        for refusal in refusals:
            self._log(refusal)

    def _log(self, refusal: Refusal) -> None:
        self.count += 1
        level = logging.WARNING if self.count <= _LOUD else logging.DEBUG
        logger.log(
            level, "%s: %s took no row: %s; see %s", self._who, refusal.row.table, refusal.reason, self.path
        )
        if self.count == _LOUD:
            logger.warning("%s: further refused rows are only written to %s", self._who, self.path)


def _line(refusal: Refusal) -> bytes:
    row = refusal.row
    content = {
        "refused": datetime.now(timezone.utc).isoformat(),
        "reason": refusal.reason,
        "table": row.table,
        "message_id": row.message_id,
    }
    values = {str(column): _writable(value) for column, value in row.values.items()}
    return json.dumps({**content, "values": values}, default=str).encode() + b"\n"


def _writable(value: Any) -> Any:
    try:
        json.dumps(value, default=str)
    except Exception:  # noqa: BLE001  # circular, nested without end, a text that cannot be made
        return f"{type(value).__name__} that cannot be written"
    return value
