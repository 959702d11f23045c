"""The files of a spool: their names, their lock, and what an earlier process left in them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dripline.runtime import forks, spool_record
from dripline.runtime.durable_files import append_durably, holds, lock_folder, sync_folder, unlock_folder
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.spool_position import Position, read_position, write_position

_SUFFIX = ".rows"


@dataclass
class Segment:
    """One file.

    Attributes:
        size: Its length up to the end of its last whole record.
        count: How many of its records have not been dealt with.
        packed: Whether its records have checksums; files of version 6.0.0 have none, and nothing is added to them.
    """

    size: int
    count: int
    packed: bool


class SpoolFolder:
    """The folder of one spool, which belongs to this process until `unlock`.

    Args:
        path: The folder; created if it does not exist, again whenever it was deleted.
        limited_log: Reports that it was deleted.

    Raises:
        OSError: It cannot be created, or another process uses it.
    """

    def __init__(self, path: Path, limited_log: RateLimitedLogger) -> None:
        self._folder = path
        self._limited_log = limited_log
        self._lock_file: int | None = None
        self._synced: int | None = None  # the file whose directory entry is known to be on disk
        self._making = forks.Lock()  # one thread appends while another puts damaged records aside
        self.make()

    def make(self) -> None:
        """Create the folder if it does not exist, and take it for this process."""
        with self._making:
            if self._lock_file is not None and self._folder.exists():
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._lock_file is not None:
                self._limited_log.tell("folder", "%s was deleted; everything in it is lost", self._folder)
                self.unlock()
            self._lock_file = lock_folder(self._folder)

    def unlock(self) -> None:
        """Let other processes use the folder."""
        if self._lock_file is not None:
            unlock_folder(self._lock_file)
            self._lock_file = None

    def path(self, number: int) -> Path:
        """The path of a file."""
        return self._folder / f"{number:012d}{_SUFFIX}"

    def can_grow(self, number: int, segment: Segment, limit: int) -> bool:
        """Whether a file can be appended to: not if it is long, old, or was tampered with."""
        return segment.size < limit and segment.packed and holds(self.path(number), segment.size)

    def append(self, number: int, data: bytes, size: int) -> bool:
        """Write data to a file behind its first ``size`` bytes and sync it.

        Returns:
            Whether it is there; not if somebody has deleted the file meanwhile.

        Raises:
            OSError: The disk does not accept it; nothing was appended.
        """
        self.make()
        path = self.path(number)
        if not append_durably(path, data, size):
            return False
        if self._synced != number:
            sync_folder(self._folder)
            if not holds(path, size + len(data)):
                return False
            self._synced = number
        return True

    def write_position(self, position: Position, skipped: Mapping[Position, int]) -> None:
        """Write how far the spool was read.

        Raises:
            OSError: It cannot be written.
        """
        try:
            write_position(self._folder, position, skipped)
        except FileNotFoundError:  # the folder was deleted, and everything in it
            if self._folder.exists():
                raise

    def read(self) -> tuple[Position, dict[Position, int], dict[int, Segment]]:
        """Read what an earlier process left.

        Returns:
            How far it was read, the parts that are not to be read, and the files.

        Raises:
            OSError: A file cannot be read.
        """
        names = (path.stem for path in self._folder.glob(f"*{_SUFFIX}"))
        numbers = sorted(int(name) for name in names if name.isdecimal())
        position, skipped = self._kept_position(numbers)
        segments = {}
        for number in numbers:
            if number < position.segment:
                self.path(number).unlink(missing_ok=True)
                continue
            start = position.offset if number == position.segment else 0
            try:
                segments[number] = _scanned(self.path(number).read_bytes(), start)
            except IsADirectoryError:
                self._limited_log.tell("no file", "%s is not a file; it is renamed", self.path(number))
                self.path(number).rename(self.path(number).with_suffix(".unreadable"))
        skipped = {place: end for place, end in skipped.items() if place.segment in segments}
        for place, end in skipped.items():
            data = self.path(place.segment).read_bytes()
            segment = segments[place.segment]
            segment.count = max(0, segment.count - spool_record.count(data, place.offset, end))
        return position, skipped, segments

    def _kept_position(self, numbers: Sequence[int]) -> tuple[Position, dict[Position, int]]:
        first = Position(min(numbers, default=1), 0)
        kept = read_position(self._folder)
        if kept is None:
            return first, {}
        position, skipped, checked = kept
        if not checked and numbers and position.segment > first.segment:
            return first, {}  # version 6.0.0 had deleted the files before it: more likely it is damaged
        if position < first or not self._is_boundary(position):
            return first, {}
        return position, skipped

    def _is_boundary(self, position: Position) -> bool:
        """Whether a record can begin there; anything else was written by no spool."""
        if position.offset == 0:
            return True
        try:
            with self.path(position.segment).open("rb") as file:
                if position.offset > file.seek(0, os.SEEK_END):
                    return False
                file.seek(position.offset - 1)
                before, after = file.read(1), file.read(1)
                return before == b"\n" or spool_record.begins_record(after)
        except OSError:
            return False


def _scanned(data: bytes, start: int) -> Segment:
    """Look at the content of a file. A part of a record at its end was never promised to be kept."""
    packed = spool_record.is_packed(data)
    size = data.rfind(b"\n") + 1
    if packed and spool_record.unpack(data[size:])[0]:  # only its newline is damaged
        size = len(data)
    return Segment(size, spool_record.count(data, start, size), packed)
