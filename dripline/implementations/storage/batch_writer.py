"""`BatchWriter`: queues rows, writes them in batches, and spools them to disk during an outage."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from dripline.implementations.storage.database import DatabaseAway
from dripline.implementations.storage.rows import DeadLetters, Refusal, Row, WriterStatus, from_line, to_line
from dripline.runtime.outage import delays
from dripline.runtime.spool import Record, Spool, SpoolFull
from dripline.runtime.store_and_forward import Backlog

logger = logging.getLogger("dripline.database")

_GATHER_S = 0.05  # one force to disk for all that comes meanwhile
_LONGEST_PAUSE_S = 2.0
_DISK_PAUSE_S = 1.0
_LOOK_AGAIN_S = 0.5


class Pace(NamedTuple):
    """When what happens.

    Attributes:
        batch_rows: Most rows in a transaction.
        batch_age_s: How long a row waits for others to share its transaction.
        memory_rows: How many rows wait in memory at most.
        spool_after_s: How long the database may be away, or busy with one batch, until rows go to disk.
        memory_bytes: How many bytes the rows in memory take at most; a larger row waits alone.
        batch_bytes: Most bytes in a transaction; a larger row has its own.
        reorder_after_s: How long the database may be away until a batch that was being written goes to disk behind
            later rows.
    """

    batch_rows: int = 500
    batch_age_s: float = 0.2
    memory_rows: int = 2000
    spool_after_s: float = 1.0
    memory_bytes: int = 32_000_000
    batch_bytes: int = 8_000_000
    reorder_after_s: float = 60.0

    def is_batch(self, rows: int, size: int) -> bool:
        """Whether so many rows of so many bytes need not wait for others."""
        return rows >= self.batch_rows or size >= self.batch_bytes


class Sink(Protocol):
    """Where batches end."""

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Write rows, return those that are refused; raises `DatabaseAway`, or an error of ours."""

    def look(self) -> None:
        """Find out whether rows could be written; raises likewise."""


class BatchWriter(Backlog[Row]):
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

    _spool: Spool

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
        Backlog.__init__(self)
        self._spool, self._cursor = spool, spool.position
        self._sink = sink
        self._dead_letters = dead_letters
        self._give_back = give_back
        self._pace = pace or Pace()
        self._drops = drops
        self.status = WriterStatus(who, spool)
        self._current: list[Row] = []  # are being written
        self._writing_since = 0.0
        self._hurry = self._ended = False
        self._threads: list[threading.Thread] = []
        self._delays: Iterator[float] | None = None  # while batches fail

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
        row = row.counted()
        with self._changed:
            self._changed.wait_for(lambda: self._has_room_for(row) or self._stuck)
            if self._ended:
                return  # its token is not given back: it comes again, if it came from a queue that outlives us
            drop = not self._has_room_for(row)
            if not drop:
                self._fresh.append(row)
                if len(self._fresh) == 1 or self._pace.is_batch(len(self._fresh), self._fresh.bytes):
                    self._changed.notify_all()
        if drop:
            self.status.drop(1)
            self._give_tokens_back([row])

    def found_away(self, why: str) -> None:
        """Somebody else found the database away; it is looked at from now on until it is back."""
        with self._changed:
            self.status.lost(DatabaseAway(why))
            self._changed.notify_all()

    def refuse(self, row: Row, why: str) -> None:
        """Put a row among the dead letters; it was wrong already before the database saw it."""
        row = row.counted()
        self._hold([row])
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
                return self._changed.wait_for(lambda: not self._in_memory, timeout_s)
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
        self._release(self._dead_letters.file())
        # A batch that hangs may be written as well, and is known then.
        with self._changed:  # at this moment it is in one of the two
            self._again_in_memory([*self._again, *self._current])
            self._current = []
        if not self.store(max_bytes=self._pace.batch_bytes) and self._drops:
            self.status.drop(len(self._fresh), told=True)
        self._spool.close()
        self.status.ended()

    def report(self) -> dict[str, Any]:
        """How it stands: counts of this run, and what waits."""
        return {
            "database": self.status.database.why or "ok",
            "written": self.status.written,
            "in_memory": self._in_memory,
            "on_disk": len(self._spool),
            "refused": self._dead_letters.count,
            "dropped": self.status.dropped,
        }

    # -- the writer ------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                rows = [row for row in batch if not row.damage]
                refused = [Refusal(row, row.damage) for row in batch if row.damage]
                if rows:
                    refused += self._sink.write(rows)
                elif not batch:
                    self._sink.look()
            except DatabaseAway as away:
                self.status.lost(away)
                self._try_again(batch)
            except BaseException as error:  # ours: never the rows' fault, and not the end of the thread
                if self.status.lost(error):
                    logger.error("%s: a batch could not be written", self.status.who, exc_info=error)
                self._try_again(batch)
            else:
                self._done(batch, refused)

    def _next_batch(self) -> list[Row] | None:
        """Wait for the next rows; none to look whether a database that was away is back, though no row comes."""
        with self._changed:
            while not self._ended:
                due_s = self._until_batch_is_due()
                if self._again or self._has_unread or due_s == 0.0:
                    self._current = self.take(self._pace.batch_rows, self._pace.batch_bytes)
                if self._current or (self.status.database.why and not self._fresh and not self._storing):
                    self._writing_since = time.monotonic()
                    self._changed.notify_all()  # the keeper looks after the time that it takes
                    return self._current
                self._changed.wait(self._until_batch_is_due())
        return None

    def _until_batch_is_due(self) -> float | None:
        if self._storing or (self._spool.segments and len(self._spool)):
            return _LOOK_AGAIN_S  # what is on disk comes first
        if not self._fresh:
            return None
        if self.status.away_for_s > self._pace.spool_after_s and not self.status.disk:
            return _LOOK_AGAIN_S  # rows that are on disk soon, and tried from there
        if self._hurry or self._pace.is_batch(len(self._fresh), self._fresh.bytes):
            return 0.0
        return max(0.0, self._pace.batch_age_s - self._fresh.age_s)

    def _try_again(self, batch: Sequence[Row]) -> None:
        with self._changed:
            self._current = []
            if self._storing or len(self._spool) or any(row.position is not None for row in batch):
                self.put_back(batch)
            else:
                self._again_in_memory(batch)
            self._changed.notify_all()
        self._delays = self._delays or delays(cap_s=_LONGEST_PAUSE_S)
        self._pause(next(self._delays))

    def _again_in_memory(self, rows: Sequence[Row]) -> None:
        """Put rows that were taken from memory back there, before all others."""
        rows = [row for row in rows if row.position is None]
        with self._changed:
            self._let_go(rows)
            self._fresh.put_back(rows)
            self._again.clear()

    def _done(self, batch: Sequence[Row], refused: Sequence[Refusal]) -> None:
        if batch and batch[0].position is not None:
            try:
                self._dead_letters.add(refused)
            except OSError:
                self._try_again(batch)  # it is on disk still
                return
            self.settle(batch)
            safe: list[Row] = []
        else:
            filed, gone = self._dead_letters.file(refused), {id(refusal.row) for refusal in refused}
            safe = [*(row for row in batch if id(row) not in gone), *filed]
        if not batch or not all(row.damage for row in batch):
            self._delays = None
            self.status.wrote(len(batch) - len(refused))
        self._release(safe)
        with self._changed:
            self._current = []
            self._changed.notify_all()

    def _pause(self, delay_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, delay_s)

    # -- the keeper ------------------------------------------------------------------------------------------

    def _keep_all(self) -> None:
        while (is_due := self._wait_for_disk()) is not None:
            is_done = False
            try:
                is_done = not is_due or self.store(max_bytes=self._pace.batch_bytes)
                self._release(self._dead_letters.file())
            except BaseException as error:  # an error of ours must not end the thread
                logger.error("%s: rows could not be kept on disk", self.status.who, exc_info=error)
            if not is_done:
                self._pause(_DISK_PAUSE_S)

    def _wait_for_disk(self) -> bool | None:
        """Wait until rows should go to disk; False if only refused ones wait for it, None at the end."""
        with self._changed:
            while not self._ended:
                due = self._until_disk_is_due()
                if due is not None and due <= 0:
                    if self._older_is_due:
                        self._again_in_memory(list(self._again))
                    return True
                if self._dead_letters.is_waiting:
                    due = min(_DISK_PAUSE_S if due is None else due, _DISK_PAUSE_S)
                if not self._changed.wait(due) and self._dead_letters.is_waiting:
                    return False
        return None

    def _until_disk_is_due(self) -> float | None:
        if self._older_is_due:
            return 0.0
        if not self._fresh:
            return None
        first = -self._fresh.age_s
        if self._again or (self._spool.segments and len(self._spool)):
            return 0.0 if self._hurry else first + _GATHER_S
        if self.status.database.why:
            is_full = self._in_memory >= self._pace.memory_rows or self._bytes >= self._pace.memory_bytes
            return 0.0 if self._hurry or is_full else self._pace.spool_after_s - self.status.away_for_s
        if self._current:
            return max(first, self._writing_since - time.monotonic()) + self._pace.spool_after_s
        return None

    @property
    def _older_is_due(self) -> bool:
        """Whether the batch that was being written is better on disk behind later rows than only in memory."""
        older = self._again and self._again[0].position is None
        return bool(older) and self.status.away_for_s > self._pace.reorder_after_s and not self.status.disk

    def _append(self, _older: Sequence[Row], fresh: list[Row]) -> Sequence[Row]:
        lines: list[bytes] = []
        safe: list[Row] = []
        refused: list[Refusal] = []
        for row in fresh:
            try:
                lines.append(to_line(row))
                safe.append(row)
            except ValueError as error:
                refused.append(Refusal(row, str(error)))
        if lines:
            try:
                self._spool.append(lines)
            except (OSError, SpoolFull) as error:
                self.status.disk_trouble(str(error))
                return fresh
            self.status.kept()
        self._give_tokens_back(safe)
        self._hold([refusal.row for refusal in refused])
        self._release(self._dead_letters.file(refused))
        return ()

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _in_memory(self) -> int:
        """How many rows are in memory only."""
        return len(self._fresh) + self._held

    @property
    def _bytes(self) -> int:
        return self._fresh.bytes + self._held_bytes

    def _has_room_for(self, row: Row) -> bool:
        fits = self._bytes + row.size <= self._pace.memory_bytes
        return not self._in_memory or (self._in_memory < self._pace.memory_rows and fits)

    @property
    def _stuck(self) -> bool:
        return self._ended or (self._drops and bool(self.status.disk or self._dead_letters.disk))

    def _release(self, rows: Sequence[Row]) -> None:
        """Give the tokens of rows from memory back, which are safe now."""
        self._give_tokens_back(rows)
        self._let_go(rows)

    def _give_tokens_back(self, rows: Sequence[Row]) -> None:
        tokens = [row.token for row in rows if row.token is not None]
        try:
            if tokens:
                self._give_back(tokens)
        except BaseException as error:  # they come again, and their ids are known
            logger.error("%s: %d rows could not be acknowledged", self.status.who, len(tokens), exc_info=error)

    def _from_record(self, record: Record) -> Row:
        try:
            row = from_line(record.line)
        except ValueError as error:
            text = record.line.decode("utf-8", "replace")
            row = Row("", {"line": text}, "", damage=f"damaged on disk: {error}")
        return row._replace(position=record.end)

    def _disk_failed(self, error: OSError, *, reading: bool) -> None:
        self.status.disk_trouble(f"cannot {'read what waits' if reading else 'note how far it was read'}: {error}")
