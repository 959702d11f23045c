"""How far a spool has been read: a small file beside its records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

_FILE_NAME = "position"


class Position(NamedTuple):
    """A place in a spool: a file and an offset in it."""

    segment: int
    offset: int


def write_position(folder: Path, position: Position, skipped: Mapping[Position, int]) -> None:
    """Write the position up to which the spool was read.

    Args:
        folder: Folder of the spool.
        position: The position.
        skipped: Parts behind it that are not to be read: where each begins, and the offset at which it ends.

    Raises:
        OSError: It cannot be written.
    """
    lines = [f"{position.segment} {position.offset}\n"]
    lines += [f"{start.segment} {start.offset} {end}\n" for start, end in skipped.items()]
    text = "".join(lines)
    fresh = folder / f"{_FILE_NAME}.new"
    fresh.write_text(f"{text}crc {crc32(text.encode()):08x}\n")
    fresh.replace(folder / _FILE_NAME)


def read_position(folder: Path) -> tuple[Position, dict[Position, int], bool] | None:
    """Read what `write_position` wrote, or version 6.0.0.

    Returns:
        The position, the skipped parts, and whether a checksum confirms them; None if the file is missing or
        damaged.
    """
    try:
        text = (folder / _FILE_NAME).read_text("ascii")
        content, found, checksum = text.partition("crc ")
        if found and checksum != f"{crc32(content.encode()):08x}\n":
            return None
        first, *others = content.splitlines()
        segment, offset = map(int, first.split())
        skipped = {Position(int(a), int(b)): int(c) for a, b, c in (line.split() for line in others)}
    except (OSError, ValueError):
        return None
    return Position(segment, offset), skipped, bool(found)
