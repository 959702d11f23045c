"""Rows from memory into the database, in batches; to disk while it is away, and from there in their order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dripline.implementations.storage.database import DatabaseAway
from dripline.implementations.storage.rows import DeadLetters, Refusal, Row
from dripline.implementations.storage.waiting_rows import (
    Batch,
    Pace,
    WaitingRows,
    bytes_of,
    counted,
    lines_of,
    parts_of,
    read_batch,
)
from dripline.implementations.storage.writer_status import WriterStatus
from dripline.runtime import backoff
from dripline.runtime.spool import Spool, SpoolFull

logger = logging.getLogger("dripline.database")

_GATHER_S = 0.05  # one force to disk for all that comes meanwhile
_LONGEST_PAUSE_S = 2.0
_DISK_PAUSE_S = 1.0
_LOOK_AGAIN_S = 0.5


class Sink(Protocol):
    """Where batches end."""

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Write rows, return those that are refused; raises `DatabaseAway`, or an error of ours."""

    def look(self) -> None:
        """Find out whether rows could be written; raises likewise."""


class BatchWriter:
    """Two threads: one writes to the database, one keeps on disk what it cannot take.

    A row's token is given back once the row is committed, on disk, or among the dead letters. While anything waits
    on disk, new rows go there too, so that the order stays. If the database is away and the disk is full as well,
    new rows are dropped and counted, or wait where they come from. Nothing that was kept is ever dropped.

    Args:
        sink: Writes batches.
        spool: Rows on disk.
        dead_letters: Rows that the database will never take.
        give_back: Called with tokens, on one of the two threads.
        who: The service, for messages.
        pace: When what happens.
        drops: Whether rows are dropped if neither database nor disk takes them. Otherwise `put` waits.
    """

    def __init__(
        self,
        sink: Sink,
        spool: Spool,
        dead_letters: DeadLetters,
        give_back: Callable[[list[Any]], None],
        who: str,
        pace: Pace | None = None,
        drops: bool = True,
    ) -> None:
        self._sink = sink
        self._spool = spool
        self._dead_letters = dead_letters
        self._give_back = give_back
        self._pace = pace or Pace()
        self._drops = drops
        self.status = WriterStatus(who, spool)
        self._changed = threading.Condition()  # guards what follows
        self._fresh = WaitingRows()
        self._older: Batch | None = None  # was being written when those on disk came
        self._current: Batch | None = None  # is being written
        self._writing_since = 0.0
        self._spooling: Sequence[Row] = ()  # are being put on disk
        self._rows = self._bytes = 0  # of all rows that are in memory only
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
                thread = threading.Thread(target=run, name=f"{self.status.who}-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def put(self, row: Row) -> None:
        """Take a row; waits while memory is full, unless that would not help.

        Args:
            row: The row; it must not be changed afterwards.
        """
        row = counted(row)
        with self._changed:
            self._changed.wait_for(lambda: self._has_room_for(row) or self._stuck)
            if self._ended:
                return  # its token is not given back: it comes again, if it came from a queue that outlives us
            drop = not self._has_room_for(row)
            if not drop:
                self._count([row])
                self._fresh.append(row)
                if len(self._fresh) == 1 or self._pace.is_batch(len(self._fresh), self._fresh.bytes):
                    self._changed.notify_all()
        if drop:
            self.status.dropped_one()
            self._give_tokens_back([row])

    def found_away(self, why: str) -> None:
        """Somebody else found the database away; it is looked at from now on until it is back."""
        with self._changed:
            self.status.lost(DatabaseAway(why))
            self._changed.notify_all()

    def refuse(self, row: Row, why: str) -> None:
        """Put a row among the dead letters; it was wrong already before the database saw it."""
        row = counted(row)
        with self._changed:
            self._count([row])
        self._release(self._dead_letters.file([Refusal(row, why)]))

    def flush(self, timeout_s: float) -> bool:
        """Have everything in memory written, or kept on disk while the database is away.

        Returns:
            Whether that was done in time.
        """
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._rows, timeout_s)
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
        self._spool.close()
        self.status.ended()

    def report(self) -> dict[str, Any]:
        """How it stands: counts of this run, and what waits."""
        return {
            "database": self.status.away_because or "ok",
            "written": self.status.written,
            "in_memory": self._rows,
            "on_disk": len(self._spool),
            "refused": self._dead_letters.count,
            "dropped": self.status.dropped,
        }

    # -- the writer ------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                refused = self._written(batch)
            except DatabaseAway as away:
                self.status.lost(away)
                self._try_again(batch)
            except BaseException as error:  # ours: never the rows' fault, and not the end of the thread
                if self.status.lost(error):
                    logger.error("%s: a batch could not be written", self.status.who, exc_info=error)
                self._try_again(batch)
            else:
                self._done(batch, refused)

    def _written(self, batch: Batch) -> list[Refusal]:
        if batch.rows:
            return self._sink.write(batch.rows)
        if batch.position is None:
            self._sink.look()
        return []

    def _next_batch(self) -> Batch | None:
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

    def _from_disk(self) -> Batch | None:
        if not len(self._spool):
            return None
        try:
            return read_batch(self._spool, self._pace.batch_rows, self._pace.batch_bytes)
        except OSError as error:
            self.status.disk_trouble(f"cannot read what waits: {error}")
            return None

    def _from_memory(self) -> Batch | None:
        due = self._until_batch_is_due()
        if due is None or due > 0:
            return None
        return Batch(self._fresh.take(self._pace.batch_rows, self._pace.batch_bytes))

    def _only_to_look(self) -> Batch | None:
        """Nothing: so that a database that is back is known to be, though no row comes."""
        return Batch([]) if self.status.away_because and not self._fresh and not self._spooling else None

    def _until_batch_is_due(self) -> float | None:
        if self._spooling or len(self._spool):
            return _LOOK_AGAIN_S  # what is on disk comes first
        if not self._fresh:
            return None
        if self.status.away_for_s > self._pace.spool_after_s and not self.status.disk_is_refusing:
            return _LOOK_AGAIN_S  # rows that are on disk soon, and tried from there
        if self._hurry or self._pace.is_batch(len(self._fresh), self._fresh.bytes):
            return 0.0
        return max(0.0, self._pace.batch_age_s - self._fresh.age_s)

    def _try_again(self, batch: Batch) -> None:
        with self._changed:
            self._current = None
            if batch.is_in_memory:
                if self._spooling or len(self._spool):
                    self._older = batch
                else:
                    self._fresh.put_back(batch.rows)
            self._changed.notify_all()
        self._pause(next(self._delays))

    def _done(self, batch: Batch, refused: Sequence[Refusal]) -> None:
        refused = [*batch.damaged, *refused]
        written = len(batch.rows) + len(batch.damaged) - len(refused)
        if batch.position is None:
            filed, gone = self._dead_letters.file(refused), {id(refusal.row) for refusal in refused}
            safe = [*(row for row in batch.rows if id(row) not in gone), *filed]
        else:
            try:
                self._dead_letters.add(refused)
            except OSError:
                self._try_again(batch)  # it is on disk still
                return
            safe = []
            try:
                self._spool.advance(batch.position, batch.lines)
            except OSError as error:  # after a restart they come again, and their ids are known
                self.status.disk_trouble(f"cannot note how far it was read: {error}")
        if batch.rows or batch.position is None:
            self.status.wrote(written)
            self._delays = backoff.delays(first_s=0.1, cap_s=_LONGEST_PAUSE_S)
        self._release(safe)
        with self._changed:
            self._current = None
            self._changed.notify_all()

    def _pause(self, delay_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, delay_s)

    # -- the keeper ------------------------------------------------------------------------------------------

    def _keep_all(self) -> None:
        while (rows := self._next_to_keep()) is not None:
            try:
                left: Sequence[Row] = self._keep(rows)
                self._release(self._dead_letters.file())
            except BaseException as error:  # an error of ours must not end the thread
                logger.error("%s: rows could not be kept on disk", self.status.who, exc_info=error)
                left = self._spooling
            with self._changed:
                self._fresh.put_back(left)
                self._spooling = ()
                self._changed.notify_all()
            if left:
                self._pause(_DISK_PAUSE_S)

    def _next_to_keep(self) -> list[Row] | None:
        with self._changed:
            while not self._ended:
                due = self._until_disk_is_due()
                if due is not None and due <= 0:
                    rows = self._fresh.take_all()
                    if self._older is not None and self._older_is_due:
                        rows = [*self._older.rows, *rows]
                        self._older = None
                    self._spooling = rows
                    return rows
                if self._dead_letters.is_waiting:
                    due = min(_DISK_PAUSE_S if due is None else due, _DISK_PAUSE_S)
                if not self._changed.wait(due) and self._dead_letters.is_waiting:
                    return []
        return None

    def _until_disk_is_due(self) -> float | None:
        if self._older is not None and self._older_is_due:
            return 0.0
        if not self._fresh:
            return None
        first = -self._fresh.age_s
        if len(self._spool) or self._older is not None:
            return 0.0 if self._hurry else first + _GATHER_S
        if self.status.away_because:
            return 0.0 if self._hurry or self._is_full else self._pace.spool_after_s - self.status.away_for_s
        if self._current is not None:
            return max(first, self._writing_since - time.monotonic()) + self._pace.spool_after_s
        return None

    @property
    def _older_is_due(self) -> bool:
        """Whether the batch that was being written is better on disk behind later rows than only in memory."""
        return self.status.away_for_s > self._pace.reorder_after_s and not self.status.disk_is_refusing

    def _keep(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Put rows on disk, and give their tokens back; returns those that it does not take."""
        kept = 0
        for part in parts_of(rows, self._pace.batch_bytes):
            lines, safe, refused = lines_of(part)
            try:
                self._spool.append(lines)
            except (OSError, SpoolFull) as error:
                self.status.disk_trouble(str(error))
                return rows[kept:]
            kept += len(part)
            self.status.kept()
            with self._changed:
                self._spooling = rows[kept:]
            self._release([*safe, *self._dead_letters.file(refused)])
        return ()

    def _keep_the_rest(self) -> None:
        self._release(self._dead_letters.file())
        batch = self._current or self._older  # a batch that hangs may be written as well, and is known then
        rows = list(batch.rows) if batch is not None and batch.is_in_memory else []
        rows += self._fresh.take_all()
        left = self._keep(rows) if rows else ()
        if left and self._drops:
            self.status.left_behind(len(left))

    # -- inside ----------------------------------------------------------------------------------------------

    def _count(self, rows: Sequence[Row], sign: int = 1) -> None:
        self._rows += sign * len(rows)
        self._bytes += sign * bytes_of(rows)

    def _has_room_for(self, row: Row) -> bool:
        fits = self._bytes + row.size <= self._pace.memory_bytes
        return not self._rows or (self._rows < self._pace.memory_rows and fits)

    @property
    def _is_full(self) -> bool:
        return self._rows >= self._pace.memory_rows or self._bytes >= self._pace.memory_bytes

    @property
    def _stuck(self) -> bool:
        is_refusing = self.status.disk_is_refusing or self._dead_letters.disk_is_refusing
        return self._ended or (self._drops and is_refusing)

    def _release(self, rows: Sequence[Row]) -> None:
        """Give the tokens of rows from memory back, which are safe now."""
        if not rows:
            return
        self._give_tokens_back(rows)
        with self._changed:
            self._count(rows, -1)
            self._changed.notify_all()

    def _give_tokens_back(self, rows: Sequence[Row]) -> None:
        tokens = [row.token for row in rows if row.token is not None]
        try:
            if tokens:
                self._give_back(tokens)
        except BaseException as error:  # they come again, and their ids are known
            logger.error("%s: %d rows could not be acknowledged", self.status.who, len(tokens), exc_info=error)
