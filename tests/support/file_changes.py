"""What people do to SQLite files that are in use; the earlier content is kept under another name."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path


def numbers_in(path: Path, with_log: bool = False) -> list[int]:
    """The numbers in a file, as another program sees them that was given this file, and its log if wanted."""
    if not path.is_file():
        return []
    alone = path.with_name(f"{path.name}.alone")
    shutil.copy(path, alone)
    if with_log and (log := path.with_name(f"{path.name}-wal")).exists():
        shutil.copy(log, alone.with_name(f"{alone.name}-wal"))
    connection = sqlite3.connect(alone)
    try:
        found = connection.execute("SELECT value_raw FROM sensor_values ORDER BY id").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.OperationalError:
        found = []
    finally:
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            alone.with_name(alone.name + suffix).unlink(missing_ok=True)
    return [int(number) for (number,) in found]


def moved(path: Path, aside: Path) -> None:
    """``mv``, without the log."""
    path.rename(aside)


def deleted(path: Path, aside: Path) -> None:
    """``rm``; kept under another name, so that it can be counted."""
    os.link(path, aside)
    path.unlink()


def moved_with_everything(path: Path, aside: Path) -> None:
    """``mv values* elsewhere``."""
    for suffix in ("-wal", "-shm", ""):
        if (file := path.with_name(path.name + suffix)).exists():
            file.rename(aside.with_name(aside.name + suffix))


def replaced(path: Path, aside: Path) -> None:
    """``mv other values``."""
    other = path.with_name(f"other-than-{aside.name}")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (n INTEGER)")
        connection.executemany("INSERT INTO mine VALUES (?)", [(n,) for n in range(1000)])
    connection.close()
    os.link(path, aside)
    other.replace(path)


def replaced_by_a_link(path: Path, aside: Path) -> None:
    """A symbolic link to a file that is not there yet."""
    path.rename(aside)
    path.symlink_to(path.with_name(f"target-of-{aside.name}.sqlite"))


def overwritten(path: Path, aside: Path) -> None:
    """``cp other values``: device and inode stay."""
    other = path.with_name(f"other-than-{aside.name}")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (n INTEGER)")
        connection.executemany("INSERT INTO mine VALUES (?)", [(n,) for n in range(1000)])
    connection.close()
    shutil.copy(path, aside)
    shutil.copy(other, path)


def emptied(path: Path, aside: Path) -> None:
    """``> values``."""
    shutil.copy(path, aside)
    os.truncate(path, 0)
