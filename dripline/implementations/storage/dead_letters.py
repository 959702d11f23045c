"""Rows that the database will never take, with the reason, in a file for people to look at."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from dripline.implementations.storage.row import Row
from dripline.runtime.line_file import LIMIT_BYTES, LineFile

logger = logging.getLogger("dripline.database")

_LOUD = 5  # so many are logged one by one


class Refusal(NamedTuple):
    """A row and what is wrong with it."""

    row: Row
    reason: str


class DeadLetters:
    """A file of JSON lines: when, table, message id, reason, values.

    Args:
        path: The file. When it has grown to the limit it becomes ``<path>.1``, in place of the one before.
        who: The service, for messages.
        limit_bytes: How long it may grow.

    Attributes:
        count: How many rows were refused in this run.
        disk_is_refusing: Whether the disk did not take rows when that was last tried.
    """

    def __init__(self, path: Path, who: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self.count = 0
        self.disk_is_refusing = False
        self._who = who
        self._lines = LineFile(path, who, limit_bytes)
        self._writing = threading.Lock()
        self._waiting: list[Refusal] = []

    @property
    def is_waiting(self) -> bool:
        """Whether refused rows wait for a disk that takes them."""
        return bool(self._waiting)

    def file(self, refusals: Sequence[Refusal] = ()) -> list[Row]:
        """Append rows, after those that the disk did not take before; what it does not take now waits in memory.

        Returns:
            The rows that are on disk now.
        """
        with self._writing:
            self._waiting += refusals
            filed = self._waiting
            try:
                self._add(filed)
            except OSError:  # it was logged
                return []
            self._waiting = []
        return [refusal.row for refusal in filed]

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Append rows; they are on disk when this returns.

        Raises:
            OSError: The disk does not take them; nothing was appended.
        """
        with self._writing:
            self._add(refusals)

    def _add(self, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        data = b"".join(map(_line, refusals))
        try:
            self._lines.append(data)
        except OSError as error:
            if not self.disk_is_refusing:
                logger.error("%s: %s takes no refused rows, they wait: %s", self._who, self.path, error)
            self.disk_is_refusing = True
            raise
        if self.disk_is_refusing:
            logger.warning("%s: %s takes refused rows again", self._who, self.path)
        self.disk_is_refusing = False
        for refusal in refusals:
            self._log(refusal)

    def _log(self, refusal: Refusal) -> None:
        self.count += 1
        level = logging.WARNING if self.count <= _LOUD else logging.DEBUG
        logger.log(
            level, "%s: %s took no row: %s; see %s", self._who, refusal.row.table, refusal.reason, self.path
        )
        if self.count == _LOUD:
            logger.warning("%s: further refused rows are only written to %s", self._who, self.path)


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
