"""How one record of a spool is written: a line with a checksum, so that damage is found and ends with its record.

A record is the byte 0x1E (the record separator of RFC 7464, which JSON text never contains), the version ``1``,
the CRC-32 of the payload as eight hexadecimal digits, a space, the payload, and a newline. Version 6.0.0 wrote
the payload and the newline alone.
"""

from __future__ import annotations

import os
from io import BufferedReader
from zlib import crc32

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


def is_packed(data: bytes) -> bool:
    """Whether the content of a file has records with checksums, rather than the lines of version 6.0.0."""
    return data.startswith(_SEPARATOR) or b"\n" + _SEPARATOR in data


def begins_record(data: bytes) -> bool:
    """Whether a line of a file begins where a record does."""
    return data.startswith(_SEPARATOR)


def count(data: bytes, start: int, end: int) -> int:
    """Count the records in a part of a file."""
    return max(data.count(_SEPARATOR, start, end), data.count(b"\n", start, end))


def unpack_unchecked(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """Read a line that version 6.0.0 wrote, a JSON array; result as for `unpack`."""
    if data.startswith(b"[") and data.endswith(b"]\n") and b"\0" not in data:
        return [data], []
    return [], [data]


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
        return data, *unpack_unchecked(data)
    lines, damaged = unpack(data)
    if data and not lines:
        while more := file.readline(room - len(data)) if room > len(data) else b"":
            if begins_record(more):
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
