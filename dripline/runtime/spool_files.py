"""Spool file format: records with checksums, read position, folder lock, recovery at start.

A record is the byte 0x1E (the record separator of RFC 7464, which JSON text never contains), the version ``1``,
the CRC-32 of the payload as eight hexadecimal digits, a space, the payload, and a newline. The checksum finds
damage, which ends with its record. Version 6.0.0 wrote the payload and the newline alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from dripline.runtime import forks
from dripline.runtime.durable_files import append_durably, holds, lock_folder, sync_folder, unlock_folder
from dripline.runtime.rate_limited_log import RateLimitedLogger

_POSITION_FILE = "position"
_SUFFIX = ".rows"
_SEPARATOR = b"\x1e"
_HEAD = b"\x1e1"
_PAYLOAD_AT = len(_HEAD) + 9
#: Bytes of a record besides its line.
OVERHEAD = _PAYLOAD_AT


def pack(line: bytes) -> bytes:
    """Add the checksum to a line, which ends with its only newline."""
    return b"%b%08x %b" % (_HEAD, crc32(memoryview(line)[:-1]), line)


def unpack(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """Read the records in one line of a file: several if the newline between them was damaged.

    Args:
        data: The line, with the byte that ends it.

    Returns:
        The lines that were packed, and the pieces that are damaged.
    """
    line = _checked(data)
    if line is not None:
        return [line], []
    first, *others = data.split(_SEPARATOR)
    lines: list[bytes] = []
    damaged = [first] if first.rstrip(b"\n") else []
    for other in others:
        piece = _SEPARATOR + other
        line = _checked(piece)
        if line is None:
            damaged.append(piece)
        else:
            lines.append(line)
    return (lines, damaged) if lines else ([], [data])


def count_records(data: bytes, start: int, end: int) -> int:
    """Count the records in a part of a file."""
    return max(data.count(_SEPARATOR, start, end), data.count(b"\n", start, end))


def read_line(file: BufferedReader, room: int, packed: bool) -> tuple[bytes, list[bytes], list[bytes]]:
    """Read a line of a file, and the records in it; a damaged one with all lines up to the next record.

    Args:
        file: The file, at the beginning of the line.
        room: How many bytes may be read.
        packed: Whether its records have checksums.

    Returns:
        What was read, and what `unpack` makes of it.
    """
    data = file.readline(room)
    if not packed:
        is_whole = data.startswith(b"[") and data.endswith(b"]\n") and b"\0" not in data
        return (data, [data], []) if is_whole else (data, [], [data])
    lines, damaged = unpack(data)
    if data and not lines:
        while more := file.readline(room - len(data)) if room > len(data) else b"":
            if more.startswith(_SEPARATOR):
                file.seek(-len(more), os.SEEK_CUR)
                break
            data += more
        damaged = [data]
    return data, lines, damaged


def _checked(data: bytes) -> bytes | None:
    payload = data[_PAYLOAD_AT:-1]
    if len(data) > _PAYLOAD_AT and data[:_PAYLOAD_AT] == b"%b%08x " % (_HEAD, crc32(payload)):
        return payload + b"\n"
    return None


class Position(NamedTuple):
    """A place in a spool: a file and an offset in it."""

    segment: int
    offset: int


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
        """Write the position up to which the spool was read.

        Args:
            position: The position.
            skipped: Parts behind it that are not to be read: where each begins, and the offset at which it ends.

        Raises:
            OSError: It cannot be written.
        """
        lines = [f"{position.segment} {position.offset}\n"]
        lines += [f"{start.segment} {start.offset} {end}\n" for start, end in skipped.items()]
        text = "".join(lines)
        fresh = self._folder / f"{_POSITION_FILE}.new"
        try:
            fresh.write_text(f"{text}crc {crc32(text.encode()):08x}\n")
            fresh.replace(self._folder / _POSITION_FILE)
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
            segment.count = max(0, segment.count - count_records(data, place.offset, end))
        return position, skipped, segments

    def _kept_position(self, numbers: Sequence[int]) -> tuple[Position, dict[Position, int]]:
        """Read what `write_position` wrote, or version 6.0.0; the beginning if that is missing or damaged."""
        first = Position(min(numbers, default=1), 0)
        try:
            text = (self._folder / _POSITION_FILE).read_text("ascii")
            content, has_checksum, checksum = text.partition("crc ")
            place, *others = content.splitlines()
            position = Position(*map(int, place.split()))
            skipped = {Position(int(a), int(b)): int(c) for a, b, c in (line.split() for line in others)}
        except (OSError, TypeError, ValueError):
            return first, {}
        if has_checksum and checksum != f"{crc32(content.encode()):08x}\n":
            return first, {}
        if not has_checksum and numbers and position.segment > first.segment:
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
                return before == b"\n" or after == _SEPARATOR
        except OSError:
            return False


def _scanned(data: bytes, start: int) -> Segment:
    """Look at the content of a file. A part of a record at its end was never promised to be kept."""
    packed = data.startswith(_SEPARATOR) or b"\n" + _SEPARATOR in data
    size = data.rfind(b"\n") + 1
    if packed and unpack(data[size:])[0]:  # only its newline is damaged
        size = len(data)
    return Segment(size, count_records(data, start, size), packed)
