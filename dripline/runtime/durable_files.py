"""Files whose content survives the process, and folders that one process uses at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_lock_files: set[int] = set()


def _after_fork() -> None:
    """Give up the parent's locks: a child that outlives it must not keep its folders."""
    while _lock_files:
        os.close(_lock_files.pop())


os.register_at_fork(after_in_child=_after_fork)


def open_durably(path: Path, size: int) -> int:
    """Open a file to append to it, cut to ``size`` bytes.

    Returns:
        A file descriptor.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    if os.fstat(file).st_size != size:
        os.ftruncate(file, size)
    return file


def append_durably(file: int, data: bytes, size: int) -> None:
    """Write at the end of a file and force it to disk; what cannot be written whole is taken back.

    Args:
        file: What `open_durably` returned.
        data: What is written.
        size: How long the file is before.
    """
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


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
