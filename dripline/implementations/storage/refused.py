"""Rows that the database will never take, with the reason, in a file for people to look at."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from dripline.implementations.storage.row import Row
from dripline.runtime.durable_files import append_durably, open_durably

logger = logging.getLogger(__name__)

_LOUD = 5  # so many are told one by one
_IN_MEMORY = 1000  # so many wait for a disk that takes none


class Refusal(NamedTuple):
    """A row and what is wrong with it."""

    row: Row
    reason: str


class RefusedRows:
    """A file of JSON lines: when, table, message id, reason, values.

    A disk that takes none stops nobody: rows wait in memory until it does, and for want of room the oldest are
    dropped, which is told.

    Args:
        path: The file. When it has grown to the limit it becomes ``<path>.1``, in place of the one before.
        who: The service, for messages.
        limit_bytes: How long it may grow.

    Attributes:
        count: How many rows were refused in this run.
    """

    def __init__(self, path: Path, who: str, limit_bytes: int = 100 << 20) -> None:
        self.path = path
        self.count = 0
        self._who = who
        self._limit = limit_bytes
        self._writing = threading.Lock()
        self._waiting: list[bytes] = []
        self._lost = 0

    def add(self, refusals: Iterable[Refusal]) -> None:
        """Write them down, after those that the disk did not take before."""
        refusals = list(refusals)
        if not refusals and not self._waiting:
            return
        with self._writing:
            self._write([*self._waiting, *map(_line, refusals)])
        for refusal in refusals:
            self._tell(refusal)

    def close(self) -> None:
        """The end: write what waits, or tell that it is lost."""
        self.add(())
        self._lost += len(self._waiting)
        self._waiting = []
        self._tell_lost()

    def _write(self, lines: list[bytes]) -> None:
        try:
            self._make_room()
            self._append(b"".join(lines))
        except OSError as error:
            if not self._waiting:
                logger.error("%s: %s takes no refused rows, they wait in memory: %s", self._who, self.path, error)
            self._lost += max(0, len(lines) - _IN_MEMORY)
            self._waiting = lines[-_IN_MEMORY:]
        else:
            if self._waiting:
                logger.warning("%s: %s takes refused rows again", self._who, self.path)
            self._waiting = []
            self._tell_lost()

    def _tell_lost(self) -> None:
        if self._lost:
            logger.error("%s: %s did not take %d refused rows; they are lost", self._who, self.path, self._lost)
        self._lost = 0

    def _append(self, data: bytes) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        file = open_durably(self.path, size)
        try:
            append_durably(file, data, size)
        finally:
            os.close(file)

    def _tell(self, refusal: Refusal) -> None:
        self.count += 1
        level = logging.WARNING if self.count <= _LOUD else logging.DEBUG
        logger.log(
            level, "%s: %s took no row: %s; see %s", self._who, refusal.row.table, refusal.reason, self.path
        )
        if self.count == _LOUD:
            logger.warning("%s: further refused rows are only written to %s", self._who, self.path)

    def _make_room(self) -> None:
        if self.path.exists() and self.path.stat().st_size >= self._limit:
            self.path.replace(f"{self.path}.1")
            logger.warning("%s: %s was full, and is %s.1 now", self._who, self.path, self.path)


def _line(refusal: Refusal) -> bytes:
    row = refusal.row
    content = {
        "refused": datetime.now(timezone.utc).isoformat(),
        "reason": refusal.reason,
        "table": row.table,
        "message_id": row.message_id,
    }
    values = {str(column): _writable(value) for column, value in row.values.items()}
    return json.dumps({**content, "values": values}, default=str).encode() + b"\n"


def _writable(value: Any) -> Any:
    try:
        json.dumps(value, default=str)
    except Exception:  # noqa: BLE001  # circular, nested without end, a text that cannot be made
        return f"{type(value).__name__} that cannot be written"
    return value
