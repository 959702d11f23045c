"""Reads a spool as one would who takes everything in its order."""

from __future__ import annotations

from dripline.runtime.spool import Position, Spool


def read_first(spool: Spool, count: int, max_bytes: int | None = None) -> tuple[list[bytes], Position]:
    """Return the first lines that wait, without removing them, and the position for `Spool.advance`."""
    records, position = spool.read_from(spool.position, count, max_bytes)
    if not records and position > spool.position:  # only damaged ones
        spool.advance(position, 0)
    return [record.line for record in records], position
