"""A file of lines for people to look at, whose beginning is put aside when it has become long."""

from __future__ import annotations

import logging
from pathlib import Path

from dripline.runtime.durable_files import append_durably, sync_folder, until_kept

logger = logging.getLogger("dripline.alerts")

LIMIT_BYTES = 100_000_000


class LineFile:
    """A file to which whole lines are appended.

    Args:
        path: The file. When it has grown to the limit it becomes ``<path>.1``, in place of the one before.
        name: The service, for the log.
        limit_bytes: How long it may grow.
    """

    def __init__(self, path: Path, name: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._name = name
        self._limit = limit_bytes

    def append(self, lines: bytes) -> None:
        """Append lines, which are on disk when this returns.

        Raises:
            OSError: The disk does not accept them; nothing was appended.
        """
        until_kept(self.path, lambda: self._appended(lines) or None)

    def _appended(self, lines: bytes) -> bool:
        """Try to append lines; False if somebody has deleted or moved the file meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self.path.stat().st_size if self.path.exists() else 0
        if size >= self._limit:
            self.path.replace(f"{self.path}.1")
            logger.warning("%s: %s was full; it is now %s.1", self._name, self.path, self.path)
            size = 0
        data = lines if self._ends_whole(size) else b"\n" + lines
        if not append_durably(self.path, data, size):
            return False
        if not size:
            sync_folder(self.path.parent)
        return True

    def _ends_whole(self, size: int) -> bool:
        """Whether the last line was written whole; an earlier process may have been killed in the middle of it."""
        if not size:
            return True
        with self.path.open("rb") as file:
            file.seek(size - 1)
            return file.read(1) == b"\n"
