"""Files that survive a crash (write, sync, rename), and folder locks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

logger = logging.getLogger("dripline.alerts")


T = TypeVar("T")

_ATTEMPTS = 10  # at a file that somebody deletes

_lock_files: set[int] = set()


def _after_fork() -> None:
    """Give up the parent's locks: a child that outlives it must not keep its folders."""
    while _lock_files:
        os.close(_lock_files.pop())


os.register_at_fork(after_in_child=_after_fork)


def append_durably(path: Path, data: bytes, size: int) -> bool:
    """Write data to a file behind its first ``size`` bytes, and force it to disk.

    Args:
        path: The file; created if ``size`` is 0.
        data: What is written.
        size: How much of the file is kept.

    Returns:
        Whether it is there. It is not if somebody has deleted, moved or cut the file, even while it was written.

    Raises:
        OSError: The disk does not accept it, or there is no folder; nothing was appended.
    """
    try:
        # A file that is gone must not come back as so many zero bytes with the data behind them.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | (0 if size else os.O_CREAT), 0o640)
    except FileNotFoundError:
        if size:
            return False
        raise
    try:
        there = os.fstat(file).st_size
        if there < size:
            return False
        if there > size:
            os.ftruncate(file, size)
        _write(file, data, size)
    finally:
        os.close(file)
    return holds(path, size + len(data))


def _write(file: int, data: bytes, size: int) -> None:
    """Write everything, or take back what was written."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def holds(path: Path, size: int) -> bool:
    """Whether there is a file of at least that size."""
    try:
        return path.stat().st_size >= size
    except OSError:
        return False


def until_kept(path: Path, attempt: Callable[[], T | None]) -> T:
    """Write to files that somebody may delete at the same moment, until one of them is there afterwards.

    Args:
        path: The file or folder, for the error.
        attempt: Writes, and gives None if the file is not there any more; it may raise FileNotFoundError instead.

    Raises:
        OSError: What an attempt has raised, or it is deleted each time.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            kept = attempt()
            if kept is not None:
                return kept
    raise FileNotFoundError(errno.ENOENT, "it is deleted whenever it is written to", str(path))


def sync_folder(folder: Path) -> None:
    """Make sure that a file that was just made in a folder is found after a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock_folder(folder: Path) -> int:
    """Take a folder for this process, until it ends or `unlock_folder` is called.

    Raises:
        BlockingIOError: Another process has it, or another service of this one.
    """
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise BlockingIOError(f"{folder} is in use by another service") from None
    _lock_files.add(file)
    return file


def unlock_folder(file: int) -> None:
    """Give a folder back; nothing happens in a process that was forked from the one that has it."""
    if file in _lock_files:
        _lock_files.remove(file)
        os.close(file)


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
