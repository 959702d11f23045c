"""`Row` and its form on disk, rejected rows, and the status of the writer."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from dripline.implementations.storage.database import DatabaseAway, DatabaseBusy, DatabaseUnfit
from dripline.runtime.durable_files import LIMIT_BYTES, LineFile
from dripline.runtime.outage import Outage
from dripline.runtime.spool import Position, Spool

logger = logging.getLogger("dripline.database")


_LOUD = 5  # so many refused rows are logged one by one
_DROPS_TOLD_EVERY_S = 60.0
_BUSY_LOGGED_AFTER_S = 30.0
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


class WriterStatus:
    """Counts, and log lines that do not repeat themselves.

    Args:
        who: The service, for messages.
        spool: Where rows wait.

    Attributes:
        who: The service.
        written: Rows written in this run.
        dropped: Rows dropped in this run.
        database: Whether the database takes nothing, and why.
        disk: Whether the disk did not take rows when it was last tried.
    """

    def __init__(self, who: str, spool: Spool) -> None:
        self.who = who
        self.written = self.dropped = 0
        self.database = Outage(logger)
        self.disk = Outage(logger)
        self._spool = spool
        self._drops_told = 0.0
        self._drops_at_last = 0
        self._replaying = bool(len(spool))
        if self._replaying:
            logger.warning("%s: %d rows of an earlier run wait in %s", who, len(spool), spool.folder)

    @property
    def away_for_s(self) -> float:
        """How long the database has been taking nothing; 0 if it does."""
        return self.database.for_s if self.database.why else 0.0

    def lost(self, error: BaseException) -> bool:
        """Take note that the database takes nothing.

        Returns:
            Whether something is new: it took rows until now, or says something else.
        """
        why = str(error) if isinstance(error, DatabaseAway) else f"{type(error).__name__}: {error}"
        is_new, was_logged = why != self.database.why, self.database.is_logged
        self.database.begin(
            why, "%s: the database is away, rows wait in %s: %s", self.who, self._spool.folder, why,
            level=logging.WARNING, patience_s=_BUSY_LOGGED_AFTER_S if isinstance(error, DatabaseBusy) else 0.0,
        )  # fmt: skip
        if is_new and was_logged:
            unfit = isinstance(error, DatabaseUnfit)
            text = "the database is there, but takes no rows" if unfit else "the database is still away"
            logger.log(logging.WARNING if unfit else logging.INFO, "%s: %s: %s", self.who, text, why)
        return is_new

    def wrote(self, count: int) -> None:
        """Take note that rows were committed."""
        self.written += count
        waiting = len(self._spool) if self._spool.segments else 0
        if self.database.why:
            text = "%s: the database is back after %.1f s; %d rows wait to be written"
            self.database.end(text, self.who, self.away_for_s, waiting)
        if waiting:
            self._replaying = True
            return
        if self.disk.why:
            self.disk.end()  # no longer needed; the next failure is logged again
        if self._replaying:
            self._replaying = False
            logger.warning("%s: all rows that waited are written", self.who)
            self._tell_drops()

    def kept(self) -> None:
        """Take note that rows went to disk."""
        if self.disk.end("%s: %s takes rows again", self.who, self._spool.folder):
            self._tell_drops()

    def disk_trouble(self, why: str) -> None:
        """Take note that the disk does not take rows."""
        self.disk.begin(why, "%s: %s takes no rows: %s", self.who, self._spool.folder, why)

    def drop(self, count: int, told: bool = False) -> None:
        """Count rows that had no place left.

        Args:
            count: How many.
            told: Whether that is logged in any case.
        """
        is_first = not self.dropped
        self.dropped += count
        if told or is_first or time.monotonic() - self._drops_told > _DROPS_TOLD_EVERY_S:
            self._tell_drops()

    def ended(self) -> None:
        """Tell what there is to know next time."""
        if len(self._spool):
            logger.warning("%s: %d rows wait in %s", self.who, len(self._spool), self._spool.folder)

    def _tell_drops(self) -> None:
        if self.dropped > self._drops_at_last:
            self._drops_at_last = self.dropped
            self._drops_told = time.monotonic()
            logger.error("%s: neither database nor disk took %d rows; they are lost", self.who, self.dropped)
