"""Records on disk during an outage: segment files with a size limit, appended at the end, read in front."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from dripline.runtime.dead_letters import DamagedRecords
from dripline.runtime.durable_files import until_kept
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.spool_files import OVERHEAD, Position, Segment, SpoolFolder, count_records, pack, read_line

__all__ = ["Position", "Record", "Spool", "SpoolFull"]

logger = logging.getLogger("dripline.alerts")

_SEGMENT_BYTES = 8 << 20
_SMALLEST_SEGMENT = 4096
_UNREADABLE_S = 60.0  # how long a file that cannot be read is tried again


class SpoolFull(Exception):
    """The spool has reached its limit."""


class Record(NamedTuple):
    """A line of the spool.

    Attributes:
        line: The line, as it was appended.
        end: The position behind it, for `Spool.advance`.
    """

    line: bytes
    end: Position


class Spool:
    """A queue of lines in a folder. Lines that `append` has returned from survive any end of the process.

    One thread appends while another reads. The position up to which the spool was read is written to disk but not
    synced: after a power failure some lines are read again. Every record has a checksum. A damaged record is put
    aside in the file ``damaged.jsonl``, and the records before and behind it are read. If a file or the whole
    folder is deleted, its lines are lost, and the spool continues in a new file.

    Args:
        folder: Folder of its files; created if it does not exist. Only one process at a time can use it.
        limit_bytes: Approximate limit of what it holds.
        segment_bytes: Approximate size of one file; at most an eighth of the limit by default.

    Attributes:
        folder: The folder.
        damaged: The records that were put aside.
        segments: The files that may contain lines that wait, by number; without any, none wait.
        lost_segments: Files that disappeared, each with the number of records in it that had not been dealt with.

    Raises:
        OSError: The folder cannot be created or written, or another process uses it.
    """

    def __init__(self, folder: Path, limit_bytes: int = 1 << 30, segment_bytes: int | None = None) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes or min(_SEGMENT_BYTES, max(_SMALLEST_SEGMENT, limit_bytes // 8))
        self._limited_log = RateLimitedLogger(logger)
        self._files = SpoolFolder(folder, self._limited_log)
        self.damaged = DamagedRecords(folder, self._files.make)
        self.lost_segments: list[tuple[int, int]] = []
        self._state = threading.RLock()  # guards what follows
        self._mixed: set[Position] = set()  # lines that are damaged in part, which was put aside
        # With the parts that are not read: where each begins, and the offset at which it ends.
        self._position, self._skipped, self.segments = self._files.read()
        self._target = max(self.segments, default=self._position.segment)  # the file to append to
        self._appending: int | None = None
        self._unreadable_since_s: float | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many lines wait."""
        with self._state:
            counted = sum(segment.count for segment in self.segments.values())
            return max(1, counted) if self.waiting_bytes else 0

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait."""
        with self._state:
            read = self._position.offset if self._position.segment in self.segments else 0
            skipped = sum(end - start.offset for start, end in self._skipped.items())
            return sum(segment.size for segment in self.segments.values()) - read - skipped

    @property
    def position(self) -> Position:
        """The position up to which everything has been dealt with."""
        return self._position

    def fitting(self, lines: Sequence[bytes]) -> int:
        """How many of some lines there is room for, from the first one on."""
        room = self._limit - self.waiting_bytes
        for count, line in enumerate(lines):
            room -= len(line) + OVERHEAD
            if room < 0:
                return count
        return len(lines)

    def append(self, lines: Sequence[bytes]) -> list[Position]:
        """Put lines at the end; they are on disk when this returns.

        Returns:
            The position behind each of them.

        Raises:
            SpoolFull: There is no room; nothing was appended.
            OSError: The disk does not accept it; nothing was appended.
        """
        records = [pack(line) for line in lines]
        data = b"".join(records)
        if self.waiting_bytes + len(data) > self._limit:
            raise SpoolFull(f"{self.folder} holds its {self._limit / 1e6:g} MB already")
        begin = until_kept(self.folder, lambda: self._appended(data, len(lines)))
        _, *ends = accumulate(map(len, records), initial=begin.offset)
        return [Position(begin.segment, end) for end in ends]

    def read_from(
        self, start: Position, count: int, max_bytes: int | None = None
    ) -> tuple[list[Record], Position]:
        """Read lines from a position, without removing them: a reader can be ahead of `advance`.

        Args:
            start: The position.
            count: Maximum number of lines.
            max_bytes: Approximate maximum of their bytes; at least one line is read.

        Returns:
            The lines, and the position behind them, for `advance` once they have been dealt with.
        """
        records: list[Record] = []
        size = 0
        position = self._next(start)
        while len(records) < count and (max_bytes is None or not records or size < max_bytes):
            with self._state:
                segment = self.segments.get(position.segment)
                end = segment.size if segment is not None else 0
            if segment is None or position.offset >= end:
                break
            room = None if max_bytes is None else max_bytes - size
            found, position = self._read_segment(position, segment, end, count - len(records), room)
            records += found
            size += sum(len(record.line) for record in found)
            position = self._next(position)
        return records, position

    def has_more(self, start: Position) -> bool:
        """Whether there is something to read behind a position."""
        with self._state:
            position = self._next(start)
            segment = self.segments.get(position.segment)
            return segment is not None and position.offset < segment.size

    def advance(self, position: Position, count: int) -> None:
        """Forget what was read up to a position.

        Args:
            position: Where `read_from` ended.
            count: How many lines that were.

        Raises:
            OSError: The position cannot be written; after a restart some lines are read again.
        """
        with self._state:
            if self._closed:
                return
            while position in self._skipped:
                position = Position(position.segment, self._skipped[position])
            done = [number for number in self.segments if number < position.segment]
            last = self.segments.get(position.segment)
            if (last is None or position.offset >= last.size) and position.segment != self._appending:
                done.append(position.segment)
                position = Position(position.segment + 1, 0)
            for number in done:
                removed = self.segments.pop(number, None)
                count -= removed.count if removed is not None else 0
            if last is not None:
                last.count = max(0, last.count - max(0, count))
            self._move_to(max(self._position, position))
        try:
            self._files.write_position(self._position, self._skipped)
        finally:  # a full disk takes no position, and gets no room unless these go
            for number in done:
                self._files.path(number).unlink(missing_ok=True)

    def drop(self, start: Position, count: int) -> tuple[int, Position]:
        """Remove lines from a position on; those before it stay.

        Returns:
            How many were removed, and the position behind them.

        Raises:
            OSError: They cannot be read.
        """
        records, end = self.read_from(start, count)
        at = self._next(start)
        with contextlib.suppress(OSError):  # without the position in its file they are read after a restart
            if at == self._next(self._position):
                self.advance(end, len(records))
                return len(records), end
            with self._state:
                for record in records:
                    if record.end.segment != at.segment:
                        at = Position(record.end.segment, 0)
                    self._skip(at, record.end.offset, 1)
                    at = record.end
            self._files.write_position(self._position, self._skipped)
        return len(records), end

    def close(self) -> None:
        """Let other processes use the folder; nothing may be appended any more."""
        with self._state:
            if self._closed:
                return
            self._closed = True
        self.damaged.settle()
        self._limited_log.settle()
        self._files.unlock()

    # -- places ----------------------------------------------------------------------------------------------

    def _next(self, position: Position) -> Position:
        """Where the next record after a position begins: behind what is skipped, in the next file."""
        with self._state:
            while True:
                segment = self.segments.get(position.segment)
                if position in self._skipped:
                    position = Position(position.segment, self._skipped[position])
                elif segment is None or position.offset >= segment.size:
                    later = [number for number in self.segments if number > position.segment]
                    if not later:
                        return position
                    position = Position(min(later), 0)
                else:
                    return position

    def _move_to(self, position: Position) -> None:
        self._position = position
        self._target = max(self._target, position.segment)
        for start in [start for start in self._skipped if start < position]:
            del self._skipped[start]
        self._mixed = {start for start in self._mixed if start >= position}

    def _skip(self, start: Position, end: int, count: int) -> None:
        """Do not read a part of a file again."""
        for earlier, its_end in self._skipped.items():
            if earlier.segment == start.segment and its_end == start.offset:
                start = earlier
                break
        for inner in [
            at for at in self._skipped if at.segment == start.segment and start.offset <= at.offset < end
        ]:
            del self._skipped[inner]
        self._skipped[start] = end
        segment = self.segments[start.segment]
        segment.count = max(0, segment.count - count)
        whole = start.offset == 0 and end >= segment.size
        if whole and start.segment not in (self._position.segment, self._target):
            del self.segments[start.segment], self._skipped[start]
            self._files.path(start.segment).unlink(missing_ok=True)

    # -- appending -------------------------------------------------------------------------------------------

    def _appended(self, data: bytes, count: int) -> Position | None:
        """Try to append records; gives where they begin, or None if their file was deleted meanwhile."""
        number, size = self._begin_append()
        try:
            if not self._files.append(number, data, size):
                return None
            with self._state:
                if size and number not in self.segments:
                    return None  # the reader has found the file missing, and left it behind
                segment = self.segments.setdefault(number, Segment(0, 0, packed=True))
                segment.size = size + len(data)
                segment.count += count
        finally:
            self._appending = None
        return Position(number, size)

    def _begin_append(self) -> tuple[int, int]:
        """Choose the file, which `advance` does not delete from now on; returns its number and size."""
        with self._state:
            segment = self.segments.get(self._target)
            if segment is not None and not self._files.can_grow(self._target, segment, self._segment_bytes):
                self._target += 1
                segment = None
            self._appending = self._target
            return self._target, segment.size if segment is not None else 0

    # -- reading ---------------------------------------------------------------------------------------------

    def _read_segment(
        self, start: Position, segment: Segment, end: int, count: int, room: int | None
    ) -> tuple[list[Record], Position]:
        """Read records of one file, up to a part that is skipped."""
        records: list[Record] = []
        position = start
        try:
            with self._files.path(start.segment).open("rb") as file:
                file.seek(start.offset)
                while position.offset < end and len(records) < count and position not in self._skipped:
                    if room is not None and position.offset - start.offset >= room and records:
                        break
                    data, lines, damaged = read_line(file, end - position.offset, segment.packed)
                    if not data:
                        raise FileNotFoundError("it is shorter than it was")
                    position = self._take(records, position, data, lines, damaged)
            self._unreadable_since_s = None
        except OSError as error:
            gone = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
            if not gone and not self._has_been_unreadable():
                raise
            self._lose(start.segment, position, error)
            position = Position(start.segment, max(position.offset, end))
        return records, position

    def _take(
        self, records: list[Record], start: Position, data: bytes, lines: list[bytes], damaged: list[bytes]
    ) -> Position:
        end = Position(start.segment, start.offset + len(data))
        if damaged and start not in self._mixed:
            for piece in damaged:
                self.damaged.add(
                    piece, f"damaged on disk, in {self._files.path(start.segment)} at byte {start.offset}"
                )
        with self._state:
            if not lines:
                self._skip(start, end.offset, count_records(data, 0, len(data)))
            elif damaged:
                self._mixed.add(start)
        # All but the last record of a line end where the line begins: it is read again as a whole.
        records += [Record(line, start) for line in lines[:-1]]
        records += [Record(line, end) for line in lines[-1:]]
        return end

    def _has_been_unreadable(self) -> bool:
        """Take note that a file cannot be read; whether that has been so for long."""
        now = time.monotonic()
        if self._unreadable_since_s is None:
            self._unreadable_since_s = now
        return now - self._unreadable_since_s >= _UNREADABLE_S

    def _lose(self, number: int, position: Position, error: OSError) -> None:
        """Go on behind a file that was deleted, was cut off, or cannot be read."""
        with self._state:
            segment = self.segments.pop(number, None)
            if segment is None:
                return
            self.lost_segments.append((number, segment.count))
            for start in [start for start in self._skipped if start.segment == number]:
                del self._skipped[start]
            self._target = max(self._target, number + 1)
            if self._position.segment == number:
                self._position = Position(number + 1, 0)
        path = self._files.path(number)
        with contextlib.suppress(OSError):  # what can still be found in it is not ours to delete
            path.rename(path.with_suffix(".unreadable"))
        what = "was deleted or cannot be read: what followed byte"
        self._limited_log.tell("lost", "%s %s %d is lost (%s)", path, what, position.offset, error)
