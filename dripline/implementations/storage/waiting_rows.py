"""Rows in memory, and batches of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dripline.implementations.storage.rows import Refusal, Row, from_line, size_of, to_line
from dripline.runtime.spool import Position, Spool


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


class Batch(NamedTuple):
    """Rows that are written together.

    Attributes:
        rows: The rows.
        lines: How many lines of the spool they are.
        position: The place in the spool behind them; None for rows from memory.
        damaged: Lines of the spool that are not rows.
    """

    rows: Sequence[Row]
    lines: int = 0
    position: Position | None = None
    damaged: Sequence[Refusal] = ()

    @property
    def is_in_memory(self) -> bool:
        """Whether these rows are not on disk."""
        return self.position is None and bool(self.rows)


class WaitingRows:
    """A queue of rows with the times at which they came, and their bytes.

    Attributes:
        bytes: How many bytes they take.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._rows: deque[tuple[float, Row]] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def age_s(self) -> float:
        """How long the first one has been waiting."""
        return time.monotonic() - self._rows[0][0]

    def append(self, row: Row) -> None:
        """Put a row at the end."""
        self._rows.append((time.monotonic(), row))
        self.bytes += row.size

    def put_back(self, rows: Sequence[Row]) -> None:
        """Put rows at the front."""
        now = time.monotonic()
        self._rows.extendleft((now, row) for row in reversed(rows))
        self.bytes += bytes_of(rows)

    def take(self, count: int, max_bytes: int) -> list[Row]:
        """Take the first rows: at most ``count``, of at most ``max_bytes``, but at least one."""
        taken: list[Row] = []
        size = 0
        while self._rows and len(taken) < count:
            size += self._rows[0][1].size
            if taken and size > max_bytes:
                break
            taken.append(self._rows.popleft()[1])
        self.bytes -= bytes_of(taken)
        return taken

    def take_all(self) -> list[Row]:
        """Take all rows."""
        taken = [row for _, row in self._rows]
        self._rows.clear()
        self.bytes = 0
        return taken


def bytes_of(rows: Iterable[Row]) -> int:
    """How many bytes rows take in memory."""
    return sum(row.size for row in rows)


def counted(row: Row) -> Row:
    """A row that knows its size."""
    return row if row.size else row._replace(size=size_of(row.values))


def parts_of(rows: Sequence[Row], max_bytes: int) -> Iterator[Sequence[Row]]:
    """Divide rows into parts of at most ``max_bytes``, but at least one row."""
    start = size = 0
    for place, row in enumerate(rows):
        if place > start and size + row.size > max_bytes:
            yield rows[start:place]
            start, size = place, 0
        size += row.size
    if start < len(rows):
        yield rows[start:]


def lines_of(rows: Sequence[Row]) -> tuple[list[bytes], list[Row], list[Refusal]]:
    """Return lines for the spool, the rows that they are, and those that cannot be written down."""
    lines: list[bytes] = []
    written: list[Row] = []
    refused: list[Refusal] = []
    for row in rows:
        try:
            lines.append(to_line(row))
            written.append(row)
        except ValueError as error:
            refused.append(Refusal(row, str(error)))
    return lines, written, refused


def read_batch(spool: Spool, count: int, max_bytes: int) -> Batch | None:
    """Read the first rows that wait on disk; None if there are none.

    Raises:
        OSError: They cannot be read.
    """
    lines, position = spool.read(count, max_bytes=max_bytes)
    rows: list[Row] = []
    damaged: list[Refusal] = []
    for line in lines:
        try:
            rows.append(from_line(line))
        except ValueError as error:
            text = line.decode("utf-8", "replace")
            damaged.append(Refusal(Row("", {"line": text}, ""), f"damaged on disk: {error}"))
    return Batch(rows, len(lines), position, damaged) if lines else None
