"""Rows on disk while the database is away: files that only grow, read from the front and deleted when read."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dripline.runtime.durable_files import (
    append_durably,
    lock_folder,
    open_durably,
    sync_folder,
    unlock_folder,
)

_SUFFIX = ".rows"
_BLOCK = 1 << 20


class SpoolFull(Exception):
    """The spool has reached its limit."""


class Position(NamedTuple):
    """How far the spool has been read: a file and a place in it."""

    segment: int
    offset: int


class Spool:
    """A queue of lines in a folder. What `append` has returned from survives any end of the process.

    One thread appends while another reads. The position up to which it was read is kept as well, but not forced
    to disk: after a loss of power some rows come a second time, which their message ids make harmless.

    Args:
        folder: Where its files are; it is made when it is missing. One process at a time can use it.
        limit_bytes: It holds about that much.
        segment_bytes: How long one file may grow.

    Raises:
        OSError: The folder cannot be made or written, or another process uses it.
    """

    def __init__(self, folder: Path, limit_bytes: int = 1 << 30, segment_bytes: int = 8 << 20) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = lock_folder(folder)
        self._state = threading.Lock()  # guards what follows
        self._sizes = {number: self._whole_lines(number) for number in self._numbers()}
        self._position = self._read_position()
        self._synced: int | None = None  # the file that is known to be found again
        self._appending: int | None = None
        self._closed = False
        self._count = self._count_waiting()

    def __len__(self) -> int:
        """How many rows wait."""
        return self._count

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait."""
        with self._state:
            return sum(self._sizes.values()) - self._position.offset

    def append(self, lines: Sequence[bytes]) -> None:
        """Put lines at the end; they are on disk when this returns.

        Raises:
            SpoolFull: There is no room; nothing was appended.
            OSError: The disk does not take it; nothing was appended.
        """
        data = b"".join(lines)
        if self.waiting_bytes + len(data) > self._limit:
            raise SpoolFull(f"{self.folder} holds its {self._limit / 1e6:.0f} MB already")
        number, size = self._begin_append()
        try:
            self._write(number, data, size)
            with self._state:
                self._sizes[number] = size + len(data)
                self._count += len(lines)
        finally:
            self._appending = None

    def read(self, count: int, max_bytes: int | None = None) -> tuple[list[bytes], Position]:
        """Look at the first lines that wait.

        Args:
            count: How many lines at most.
            max_bytes: About how many bytes at most, but at least one line.

        Returns:
            The lines, and what `advance` is called with when they are dealt with.
        """
        lines: list[bytes] = []
        position = self._position
        left = float("inf") if max_bytes is None else float(max_bytes)
        while len(lines) < count and left > 0:
            with self._state:
                size = self._sizes.get(position.segment, 0)
                later = [number for number in self._sizes if number > position.segment]
            if position.offset >= size:
                if not later:
                    break
                position = Position(min(later), 0)
                continue
            found = self._lines_at(position, size, count - len(lines), left)
            lines += found
            left -= sum(map(len, found))
            position = Position(position.segment, position.offset + sum(map(len, found)))
        return lines, position

    def advance(self, position: Position, count: int) -> None:
        """Forget what was read up to a position.

        Args:
            position: Where `read` ended.
            count: How many lines that were.
        """
        with self._state:
            if self._closed:
                return
            done = [number for number in self._sizes if number < position.segment]
            read_whole = position.offset >= self._sizes.get(position.segment, 0)
            if read_whole and position.segment != self._appending:
                done.append(position.segment)
                position = Position(position.segment + 1, 0)
            for number in done:
                self._sizes.pop(number, None)
            self._position = position
            self._count = max(0, self._count - count)
        try:
            self._keep_position()
        finally:  # a full disk takes no position, and gets no room unless these go
            for number in done:
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let other processes use the folder; nothing may be appended any more."""
        with self._state:
            if self._closed:
                return
            self._closed = True
        unlock_folder(self._lock_file)

    # -- inside ----------------------------------------------------------------------------------------------

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}{_SUFFIX}"

    def _numbers(self) -> list[int]:
        names = (path.stem for path in self.folder.glob(f"*{_SUFFIX}"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _begin_append(self) -> tuple[int, int]:
        """Choose the file, which `advance` leaves alone from now on; returns its number and size."""
        with self._state:
            number = max(self._sizes, default=self._position.segment)
            if self._sizes.get(number, 0) >= self._segment_bytes:
                number += 1
            self._appending = number
            return number, self._sizes.get(number, 0)

    def _write(self, number: int, data: bytes, size: int) -> None:
        file = open_durably(self._path(number), size)
        try:
            append_durably(file, data, size)
        finally:
            os.close(file)
        if self._synced != number:
            sync_folder(self.folder)
            self._synced = number

    def _lines_at(self, position: Position, size: int, count: int, max_bytes: float) -> list[bytes]:
        with self._path(position.segment).open("rb") as file:
            file.seek(position.offset)
            left = size - position.offset
            lines: list[bytes] = []
            while left > 0 and len(lines) < count and max_bytes > 0:
                lines.append(file.readline())
                left -= len(lines[-1])
                max_bytes -= len(lines[-1])
        return lines

    def _whole_lines(self, number: int) -> int:
        """The size of a file up to the end of its last whole line; a part of one was never promised."""
        with self._path(number).open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
        return 0

    def _position_path(self) -> Path:
        return self.folder / "position"

    def _read_position(self) -> Position:
        first = Position(min(self._sizes, default=1), 0)
        try:
            segment, offset = map(int, self._position_path().read_text().split())
        except (OSError, ValueError):  # it is not there, or was torn: from the beginning then
            return first
        if segment < first.segment or offset > self._sizes.get(segment, 0):
            return first
        for number in [number for number in self._sizes if number < segment]:
            del self._sizes[number]
            self._path(number).unlink(missing_ok=True)
        return Position(segment, offset)

    def _keep_position(self) -> None:
        fresh = self._position_path().with_suffix(".new")
        fresh.write_text(f"{self._position.segment} {self._position.offset}\n")
        fresh.replace(self._position_path())

    def _count_waiting(self) -> int:
        count = 0
        for number, size in self._sizes.items():
            start = self._position.offset if number == self._position.segment else 0
            with self._path(number).open("rb") as file:
                file.seek(start)
                left = size - start
                while left > 0 and (block := file.read(min(_BLOCK, left))):
                    count += block.count(b"\n")
                    left -= len(block)
        return count
