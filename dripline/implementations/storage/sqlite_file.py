"""Detects a replaced or deleted SQLite file, and checkpoints committed rows into it."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from dripline.implementations.storage.database import (
    DatabaseAway,
    DatabaseBusy,
    DatabaseFileChanged,
    put_log_aside,
    sqlalchemy,
    sqlite_path,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

#: The table with the generation of each program that writes: a random text that every transaction changes.
TABLE_NAME = "dripline_writers"
_REMEMBERED = 1000
_READER_PATIENCE_S = 0.8  # less than it takes until rows go to disk, so that they go there in their order
_LOOK_AGAIN_S = 0.02
_DOUBT_S = 0.5  # another program's checkpoint may be under way while the file is read
_STABLE_S = 1.0  # a file that somebody is copying over this one grows meanwhile

_CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE_NAME} (
    number INTEGER PRIMARY KEY, writer TEXT NOT NULL UNIQUE, generation TEXT NOT NULL)"""
_PRUNE = f"DELETE FROM {TABLE_NAME} WHERE number <= (SELECT max(number) FROM {TABLE_NAME}) - {_REMEMBERED}"
_INSERT = f"INSERT OR REPLACE INTO {TABLE_NAME} (writer, generation) VALUES (?, ?)"
_UPDATE = f"UPDATE {TABLE_NAME} SET generation = ? WHERE writer = ? AND generation IN (?, ?)"
_FOREIGN = re.compile("no such table|no such column|not a database")  # nothing that a checkpoint leaves behind
_Inode = tuple[int, int]  # device and number: which file it is, whatever its name
_Stamp = tuple[int, int]  # size and time of the last change
_SELECT = f"SELECT generation FROM {TABLE_NAME} WHERE writer = ?"  # a constant


class SqliteFile:
    """Watches the file that an engine writes. For one thread.

    Committed rows are in the write-ahead log until a checkpoint has copied them into the file itself. If the file
    is moved, deleted or replaced before that, the log stays behind. So each transaction writes a new random text,
    its generation, into a table of ours. `settle` makes a checkpoint and reads the generation from the file at the
    path, as another program would. Before the checkpoint it makes sure that the file is still the same: device,
    inode, and the generation of the last checkpoint, since ``cp`` over a file keeps the first two.

    Args:
        engine: Of the database.

    Attributes:
        engine: The same.
        path: The file.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self.path = path
        self._writer = uuid.uuid4().hex
        self._last = self._tried = ""  # generations: the one committed last, and the one tried after it
        self._accepted: set[str] = set()  # what the file at the path may hold
        self._pending = False  # whether something is committed that no checkpoint has copied
        self._inode: _Inode | None = None  # known once a generation has arrived in the file at the path
        self._beside: list[_Inode | None] = []  # of the log and of its index, then
        self._header = b""  # of the log: whether it is still ours
        self._unreadable = ""  # why
        self._torn: _Stamp | None = None  # of the file after a checkpoint that could not complete
        # An overwritten file, and when it was first seen to look like that.
        self._changing: tuple[_Stamp | None, float] | None = None

    @classmethod
    def behind(cls, engine: Engine) -> SqliteFile | None:
        """Return the file of an engine; None if the engine is not for an SQLite file."""
        url = engine.url
        path = sqlite_path(url)
        if path is None or url.get_driver_name() != "pysqlite" or str(path) == ":memory:":
            return None
        if url.query.get("mode") == "memory":
            return None
        if str(path).startswith("file:"):
            path = Path(unquote(str(path)[5:].partition("?")[0]))
        return cls(engine, Path(os.path.abspath(path)))

    # -- for the transactions --------------------------------------------------------------------------------

    def look(self) -> None:
        """Find out whether the file is still the same, and settle what was committed before.

        Raises:
            DatabaseFileChanged: It is not.
            DatabaseBusy: Another program keeps the checkpoint from completing.
        """
        self._wait_until_stable()
        self.check()
        self.settle()

    def mark(self, connection: Connection) -> None:
        """Write a new generation; the first statement of each transaction.

        Raises:
            DatabaseFileChanged: The last one is not there.
        """
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0")  # `settle` looks at the file before
        fresh = uuid.uuid4().hex
        if not self._last:
            connection.exec_driver_sql(_CREATE)
            connection.exec_driver_sql(_PRUNE)
            connection.exec_driver_sql(_INSERT, (self._writer, fresh))
        else:
            try:
                result = connection.exec_driver_sql(_UPDATE, (fresh, self._writer, self._last, self._tried))
            except sqlalchemy().exc.OperationalError as error:
                if "no such table" not in str(error.orig):
                    raise
                raise DatabaseFileChanged(f"{self.path} was overwritten") from error
            if result.rowcount != 1:
                raise DatabaseFileChanged(f"{self.path} was overwritten")
        self._tried = fresh

    def committed(self) -> None:
        """The transaction of the last `mark` is committed."""
        self._last = self._tried
        self._pending = True
        self._header = _start_of(self._files_beside()[0])

    def settle(self) -> None:
        """Have everything that was committed copied into the file at the path.

        Raises:
            DatabaseFileChanged: The file at the path is another one; everything committed since the last `settle`
                has to be written again, after `reopen`.
            DatabaseBusy: Another program keeps the checkpoint from completing; try again.
            DatabaseAway: The checkpoint failed, for instance since the disk is full; try again.
        """
        deadline = time.monotonic() + _READER_PATIENCE_S
        while self._pending:
            self.check()
            try:
                complete = self._checkpoint()
            except DatabaseAway:
                self._torn = _stamp(self.path)
                raise
            if complete:
                self._torn = None
                self._check({self._last})
                self._settled()
                return
            self._torn = _stamp(self.path)
            if time.monotonic() > deadline:
                raise DatabaseBusy(
                    f"{self.path} is being read by another program in a long transaction; rows wait until it ends"
                )
            time.sleep(_LOOK_AGAIN_S)

    def check(self) -> None:
        """Find out whether the file is still the same, for instance after an error.

        Raises:
            DatabaseFileChanged: It is not.
        """
        if self._inode is not None:
            self._check(self._accepted | {self._last, self._tried})

    # -- after a change --------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """Close all connections, leave what is now at the path as it is, and begin there.

        Raises:
            DatabaseBusy: A connection is in use still.
        """
        if getattr(self.engine.pool, "checkedout", int)() > 0:
            raise DatabaseBusy(f"{self.path} was changed; a query that reads the earlier file has to end first")
        log, overwritten = self._files_beside()[0], _inode(self.path) == self._inode is not None
        if overwritten:
            self._changing = (_stamp(self.path), time.monotonic())
        elif self._pending:
            with contextlib.suppress(DatabaseAway):
                self._checkpoint()  # into the earlier file, wherever that is now
        if self._header and _start_of(log) == self._header and [_inode(log)] == self._beside[:1]:
            with contextlib.suppress(OSError):
                if overwritten:
                    os.truncate(log, 0)  # closing would copy it into a file that it does not belong to
                else:
                    put_log_aside(self.path)
        self.engine.dispose()
        self._last = self._tried = ""
        self._accepted, self._pending = set(), False
        self._inode, self._beside, self._header, self._torn = None, [], b"", None

    def close(self) -> None:
        """Close the connections, without a checkpoint into a file that has changed meanwhile."""
        try:
            self.check()
        except DatabaseFileChanged:
            with contextlib.suppress(DatabaseAway, OSError):
                self.reopen()
        except DatabaseAway:
            pass  # it cannot even be looked at
        self.engine.dispose()
        self._beside = []
        if self._torn is not None:
            self._torn = _stamp(self.path)  # closing has tried a checkpoint as well

    # -- inside ----------------------------------------------------------------------------------------------

    def _settled(self) -> None:
        """Note which files these are; a log that somebody has deleted is made again by a new connection."""
        beside = [_inode(path) for path in self._files_beside()]
        if self._beside and beside != self._beside:
            self.engine.dispose()
            beside = []
        self._inode, self._beside = _inode(self.path), beside
        self._accepted, self._pending = {self._last}, False
        self._header = _start_of(self._files_beside()[0])

    def _files_beside(self) -> list[Path]:
        real = os.path.realpath(self.path)
        return [Path(f"{real}-wal"), Path(f"{real}-shm")]

    def _check(self, accepted: set[str]) -> None:
        self._check_place()
        if self._torn is not None and self._torn == _stamp(self.path):
            return  # a part of the log was copied, and nobody has written since: it may look like anything
        deadline = time.monotonic() + _DOUBT_S
        while (found := self._generation()) not in accepted:
            if time.monotonic() > deadline:
                if found is None:
                    raise DatabaseBusy(f"{self.path} cannot be read: {self._unreadable}")
                raise DatabaseFileChanged(f"{self.path} was overwritten")
            time.sleep(_LOOK_AGAIN_S)
            self._check_place()

    def _check_place(self) -> None:
        found = _inode(self.path)
        if found is None:
            raise DatabaseFileChanged(f"{self.path} was moved or deleted")
        if self._inode is not None and found != self._inode:
            kind = "a folder" if self.path.is_dir() else "another file"
            raise DatabaseFileChanged(f"{self.path} was replaced by {kind}")

    def _generation(self) -> str | None:
        """The generation in the file itself, without the log.

        SQLite reads it, since closing a file that Python opened would release SQLite's locks on the same file.

        Returns:
            The generation; empty if the file is another database, or none; None if it is damaged, as it can be
            while another program makes a checkpoint, or copies a file over this one.
        """
        try:
            connection = sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro&immutable=1", uri=True)
        except sqlite3.Error as error:
            self._unreadable = str(error)
            return None
        try:
            row = connection.execute(_SELECT, (self._writer,)).fetchone()
        except sqlite3.Error as error:
            self._unreadable = str(error)
            return "" if _FOREIGN.search(str(error)) else None
        finally:
            connection.close()
        return str(row[0]) if row else ""

    def _checkpoint(self) -> bool:
        """Copy the log into the file, and empty it if nobody reads it; returns whether all of it was copied."""
        raw = self.engine.raw_connection()
        try:
            connection: Any = raw.driver_connection
            (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
            connection.execute("PRAGMA busy_timeout=0")  # nobody has to wait for this one
            try:
                busy, log, copied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout={int(timeout)}")
        except sqlite3.Error as error:
            raise DatabaseAway(f"{self.path}: {error}") from error
        finally:
            raw.close()
        return bool(
            log == copied and (log >= 0 or not busy)
        )  # -1 without a log, and if another one makes a checkpoint

    def _wait_until_stable(self) -> None:
        """Wait until nobody copies over the file any more."""
        if self._changing is None:
            return
        seen, since = self._changing
        if _stamp(self.path) != seen:
            self._changing = (_stamp(self.path), time.monotonic())
        elif time.monotonic() - since >= _STABLE_S:
            self._changing = None
            self._checkpoint()  # fails as long as another program goes by the emptied log
            return
        raise DatabaseBusy(f"{self.path} was overwritten, and is used again when nobody writes it for a second")


def _inode(path: Path) -> _Inode | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatabaseAway(str(error)) from error
    return status.st_dev, status.st_ino


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _start_of(log: Path) -> bytes:
    """The header of a log, which has a new random number each time the log begins again."""
    try:
        with log.open("rb") as file:  # SQLite locks nothing in this one
            return file.read(32)
    except OSError:
        return b""
