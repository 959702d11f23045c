"""Rows from memory into the database, in batches; to disk while it is away, and from there in their order."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from dripline.implementations.storage.database import DatabaseAway, DatabaseUnfit
from dripline.implementations.storage.news import News
from dripline.implementations.storage.refused import Refusal, RefusedRows
from dripline.implementations.storage.row import Row, from_line, to_line
from dripline.runtime import backoff
from dripline.runtime.spool import Position, Spool, SpoolFull

logger = logging.getLogger(__name__)

_GATHER_S = 0.05  # one force to disk for all that comes meanwhile
_LONGEST_PAUSE_S = 2.0
_DISK_PAUSE_S = 1.0
_LOOK_AGAIN_S = 0.5


class Sink(Protocol):
    """Where batches end."""

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Write rows, return those that are refused; raises `DatabaseAway`."""

    def look(self) -> None:
        """Find out whether rows could be written; raises `DatabaseAway`."""


class Pace(NamedTuple):
    """When what happens.

    Attributes:
        batch_rows: Most rows in a transaction.
        batch_age_s: How long a row waits for others to share its transaction.
        memory_rows: How many rows wait in memory at most.
        spool_after_s: How long the database may be away, or busy with one batch, until rows go to disk.
    """

    batch_rows: int = 500
    batch_age_s: float = 0.2
    memory_rows: int = 2000
    spool_after_s: float = 1.0


class _Batch(NamedTuple):
    """What is written at a time; with a position it came from disk."""

    rows: list[Row]
    lines: int = 0
    position: Position | None = None
    damaged: list[Refusal] = []  # noqa: RUF012  # never changed


class BatchWriter:
    """Two threads: one writes to the database, one keeps on disk what it cannot take.

    A row's token is given back once the row is committed, on disk, or among the refused. While anything waits on
    disk, what is new goes there too, so that the order stays. When the database is away and the disk is full as
    well, the newest rows are dropped: counted, told, and their tokens given back. What was kept is never dropped.

    Args:
        sink: Writes batches.
        spool: Rows on disk.
        refused: Rows that the database will never take.
        give_back: Called with tokens, on one of the two threads.
        who: The service, for messages.
        pace: When what happens.
    """

    def __init__(
        self,
        sink: Sink,
        spool: Spool,
        refused: RefusedRows,
        give_back: Callable[[list[Any]], None],
        who: str,
        pace: Pace | None = None,
    ) -> None:
        self._sink = sink
        self._spool = spool
        self._refused = refused
        self._give_back = give_back
        self._pace = pace or Pace()
        self.news = News(who, spool)
        self._changed = threading.Condition()  # guards what follows
        self._fresh: deque[tuple[float, Row]] = deque()  # with the time they came
        self._older: _Batch | None = None  # was being written when those on disk came
        self._current: _Batch | None = None  # is being written
        self._writing_since = 0.0
        self._spooling = 0  # how many rows are just being put on disk
        self._hurry = self._ended = False
        self._threads: list[threading.Thread] = []
        self._delays = backoff.delays(first_s=0.1, cap_s=_LONGEST_PAUSE_S)

    # -- for others ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write, first what waits on disk from an earlier run."""
        with self._changed:
            if self._threads or self._ended:
                return
            for name, run in (("writer", self._write_all), ("keeper", self._keep_all)):
                thread = threading.Thread(target=run, name=f"{self.news.who}-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def put(self, row: Row) -> None:
        """Take a row; waits while memory is full, unless that would not help.

        Args:
            row: The row; it must not be changed afterwards.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._in_memory < self._pace.memory_rows or self._stuck)
            drop = self._in_memory >= self._pace.memory_rows or self._ended
            if not drop:
                self._fresh.append((time.monotonic(), row))
                if len(self._fresh) in (1, self._pace.batch_rows, self._pace.memory_rows):
                    self._changed.notify_all()
        if drop:
            self.news.dropped_one()
            self._give_tokens_back([row])

    def found_away(self, why: str) -> None:
        """Somebody else found the database away; it is looked at from now on until it is back."""
        with self._changed:
            self.news.lost(why)
            self._changed.notify_all()

    def refuse(self, row: Row, why: str) -> None:
        """Put a row among the refused; it was wrong already before the database saw it."""
        self._refused.add([Refusal(row, why)])

    def flush(self, timeout_s: float) -> bool:
        """Have everything in memory written, or kept on disk while the database is away.

        Returns:
            Whether that was done in time.
        """
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._idle, timeout_s)
            finally:
                self._hurry = False

    def close(self, grace_s: float) -> None:
        """End: what is in memory is written, or kept on disk.

        Args:
            grace_s: How long the database may take for it.
        """
        if self._threads:
            self.flush(grace_s)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(grace_s)
        self._keep_the_rest()
        self._refused.close()
        self._spool.close()
        self.news.ended()

    def report(self) -> dict[str, Any]:
        """How it stands: counts of this run, and what waits."""
        with self._changed:
            in_memory = self._in_memory
        return {
            "database": self.news.away_because or "ok",
            "written": self.news.written,
            "in_memory": in_memory,
            "on_disk": len(self._spool),
            "refused": self._refused.count,
            "dropped": self.news.dropped,
        }

    # -- the writer ------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                refused = self._written(batch)
                self._refused.add([*batch.damaged, *refused])
            except DatabaseAway as away:
                self.news.lost(str(away), isinstance(away, DatabaseUnfit))
                self._put_back(batch)
                self._pause(next(self._delays))
            except Exception as error:  # an error of ours
                if self.news.lost(f"{type(error).__name__}: {error}"):
                    logger.exception("%s: a batch could not be written", self.news.who)
                self._put_back(batch)
                self._pause(next(self._delays))
            else:
                self._done(batch, len(batch.rows) - len(refused))

    def _written(self, batch: _Batch) -> list[Refusal]:
        if batch.rows:
            return self._sink.write(batch.rows)
        if batch.position is None:
            self._sink.look()
        return []

    def _next_batch(self) -> _Batch | None:
        with self._changed:
            while not self._ended:
                batch = self._older or self._from_disk() or self._from_memory() or self._only_to_look()
                if batch is not None:
                    self._older, self._current = None, batch
                    self._writing_since = time.monotonic()
                    self._changed.notify_all()  # the keeper looks after the time that it takes
                    return batch
                self._changed.wait(self._until_batch_is_due())
        return None

    def _from_disk(self) -> _Batch | None:
        if not len(self._spool):
            return None
        try:
            lines, position = self._spool.read(self._pace.batch_rows)
        except OSError as error:
            self.news.disk_trouble(f"cannot read what waits: {error}")
            return None
        rows: list[Row] = []
        damaged: list[Refusal] = []
        for line in lines:
            try:
                rows.append(from_line(line))
            except ValueError as error:
                text = line.decode("utf-8", "replace")
                damaged.append(Refusal(Row("", {"line": text}, ""), f"damaged on disk: {error}"))
        return _Batch(rows, len(lines), position, damaged)

    def _from_memory(self) -> _Batch | None:
        due = self._until_batch_is_due()
        if due is None or due > 0:
            return None
        count = min(len(self._fresh), self._pace.batch_rows)
        return _Batch([self._fresh.popleft()[1] for _ in range(count)])

    def _only_to_look(self) -> _Batch | None:
        """Nothing: so that a database that is back is known to be, though no row comes."""
        return _Batch([]) if self.news.away_because and not self._fresh and not self._spooling else None

    def _until_batch_is_due(self) -> float | None:
        if self._spooling or len(self._spool):
            return _LOOK_AGAIN_S  # what is on disk comes first
        if not self._fresh:
            return None
        if self.news.away_for_s > self._pace.spool_after_s and not self.news.disk_is_refusing:
            return _LOOK_AGAIN_S  # rows that are on disk soon, and tried from there
        if self._hurry or len(self._fresh) >= self._pace.batch_rows:
            return 0.0
        return max(0.0, self._fresh[0][0] + self._pace.batch_age_s - time.monotonic())

    def _put_back(self, batch: _Batch) -> None:
        with self._changed:
            self._current = None
            if not batch.rows:
                pass
            elif batch.position is None and not self._spooling and not len(self._spool):
                now = time.monotonic()
                self._fresh.extendleft((now, row) for row in reversed(batch.rows))
            elif batch.position is None:
                self._older = batch
            self._changed.notify_all()

    def _done(self, batch: _Batch, written: int) -> None:
        if batch.position is not None:
            self._advance(batch)
        self.news.wrote(written)
        self._delays = backoff.delays(first_s=0.1, cap_s=_LONGEST_PAUSE_S)
        self._give_tokens_back(batch.rows)
        with self._changed:
            self._current = None
            self._changed.notify_all()

    def _advance(self, batch: _Batch) -> None:
        assert batch.position is not None, "it came from disk"
        try:
            self._spool.advance(batch.position, batch.lines)
        except OSError as error:  # after a restart they come again, and their ids are known
            self.news.disk_trouble(f"cannot note how far it was read: {error}")

    def _pause(self, delay_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, delay_s)

    # -- the keeper ------------------------------------------------------------------------------------------

    def _keep_all(self) -> None:
        while (rows := self._next_to_keep()) is not None:
            kept = self._keep(rows)
            with self._changed:
                if not kept:
                    now = time.monotonic()
                    self._fresh.extendleft((now, row) for row in reversed(rows))
                self._spooling = 0
                self._changed.notify_all()
            if kept:
                self._give_tokens_back(rows)
            else:
                self._pause(_DISK_PAUSE_S)

    def _next_to_keep(self) -> list[Row] | None:
        with self._changed:
            while not self._ended:
                due = self._until_disk_is_due()
                if due is not None and due <= 0:
                    rows = [row for _, row in self._fresh]
                    self._fresh.clear()
                    self._spooling = len(rows)
                    return rows
                self._changed.wait(due)
        return None

    def _until_disk_is_due(self) -> float | None:
        if not self._fresh:
            return None
        first = self._fresh[0][0] - time.monotonic()  # how long ago, below zero
        if len(self._spool) or self._older is not None:
            return 0.0 if self._hurry else first + _GATHER_S
        if self.news.away_because:
            at_once = self._hurry or len(self._fresh) >= self._pace.memory_rows
            return 0.0 if at_once else self._pace.spool_after_s - self.news.away_for_s
        if self._current is not None:
            return max(first, self._writing_since - time.monotonic()) + self._pace.spool_after_s
        return None

    def _keep(self, rows: Sequence[Row]) -> bool:
        lines: list[bytes] = []
        refused: list[Refusal] = []
        for row in rows:
            try:
                lines.append(to_line(row))
            except ValueError as error:
                refused.append(Refusal(row, str(error)))
        try:
            self._spool.append(lines)
        except (OSError, SpoolFull) as error:
            self.news.disk_trouble(str(error))
            return False
        self._refused.add(refused)
        self.news.kept()
        return True

    def _keep_the_rest(self) -> None:
        batch = self._current or self._older  # a batch that hangs may be written as well, and is known then
        rows = list(batch.rows) if batch is not None and batch.position is None else []
        rows += [row for _, row in self._fresh]
        self._fresh.clear()
        if rows and self._keep(rows):
            self._give_tokens_back(rows)
        elif rows:
            self.news.left_behind(len(rows))

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _in_memory(self) -> int:
        """How many rows are in memory only."""
        batches = (self._current, self._older)
        held = sum(len(batch.rows) for batch in batches if batch is not None and batch.position is None)
        return len(self._fresh) + self._spooling + held

    @property
    def _stuck(self) -> bool:
        return self._ended or self.news.disk_is_refusing

    @property
    def _idle(self) -> bool:
        """Whether nothing is in memory only."""
        return not self._in_memory

    def _give_tokens_back(self, rows: Sequence[Row]) -> None:
        tokens = [row.token for row in rows if row.token is not None]
        if tokens:
            self._give_back(tokens)
