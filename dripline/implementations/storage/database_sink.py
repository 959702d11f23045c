"""Writes a batch of rows in one transaction, and isolates rows that the database rejects."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dripline.errors import ConfigurationError
from dripline.implementations.storage.columns import conversions, converted
from dripline.implementations.storage.database import (
    DatabaseAway,
    DatabaseBusy,
    DatabaseFileChanged,
    DatabaseUnfit,
    RowRefused,
    is_away,
    is_conflict,
    is_refusal,
    reason,
    remedy,
)
from dripline.implementations.storage.rows import Refusal, Row
from dripline.implementations.storage.sqlite_file import SqliteFile
from dripline.implementations.storage.tables import Destination, Destinations, MessageIds, insert_new

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

logger = logging.getLogger("dripline.database")

_CONFLICTS_OF_A_ROW = 20  # with other transactions, until others of its batch are tried
_CONFLICT_PAUSE_S = 0.02
_CONFLICTING_ROWS = 5  # before any other is written, until the database counts as away
_CONFLICTS_FOR_S = 10.0  # of a row, while others are written, until it counts as refused


#: A row, and where it goes.
Addressed = tuple[Destination, Row]


class DatabaseSink:
    """Writes batches.

    Args:
        engine: Gives the engine.
        destinations: Knows the tables.
        who: The service, for messages.
    """

    def __init__(self, engine: Callable[[], Engine], destinations: Destinations, who: str) -> None:
        self._engine = engine
        self._destinations = destinations
        self._who = who
        self._ids = MessageIds(who)
        self._opened: Engine | None = None
        self._file: SqliteFile | None = None
        self._conflicting: list[tuple[Row, Exception]] = []  # of the batch that is being written
        self._others_are_written = False  # some rows of that batch
        self._conflicting_since_s: dict[str, float] = {}  # by message id, in batches before it

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Write rows; those that are in the database already are left out.

        Returns:
            The rows that the database refused. All others are committed, in the file that is at its path.

        Raises:
            DatabaseAway: Nothing of it is known to be written; try again later.
            Exception: An error of ours, which is not the rows' fault; likewise.
        """
        with self._telling_what_is_away():
            try:
                return self._write_and_settle(rows)
            except DatabaseFileChanged as change:
                self._reopen(change)
                return self._write_and_settle(rows)

    def look(self) -> None:
        """Find out whether rows could be written.

        Raises:
            DatabaseAway: They could not; try again later.
        """
        with self._telling_what_is_away():
            try:
                file = self._sqlite_file()
                if file is not None:
                    file.look()
                self._destinations.look()
            except DatabaseFileChanged as change:
                self._reopen(change)
                self._destinations.look()

    def close(self) -> None:
        """Close the connections; nothing is written any more."""
        if self._file is not None:
            self._file.close()
        elif self._opened is not None:
            self._opened.dispose()

    # -- inside ----------------------------------------------------------------------------------------------

    @contextmanager
    def _telling_what_is_away(self) -> Iterator[None]:
        try:
            yield
        except DatabaseBusy:
            raise
        except ConfigurationError as error:
            self._forget()
            raise DatabaseUnfit(str(error)) from error
        except Exception as error:
            if not is_away(error):
                raise
            self._forget()
            if isinstance(error, DatabaseAway):
                raise
            kind = DatabaseUnfit if remedy(error) else DatabaseAway
            raise kind(reason(error)) from error

    def _forget(self) -> None:
        self._destinations.forget()
        self._ids.forget()
        self.close()

    def _sqlite_file(self) -> SqliteFile | None:
        """The file that is written; None for other databases."""
        engine = self._engine()
        if engine is not self._opened:
            self._file = SqliteFile.behind(engine)
            self._opened = engine
        return self._file

    def _reopen(self, change: DatabaseFileChanged) -> None:
        assert self._file is not None, "it was seen to change"
        path = self._file.path
        self._file.reopen()
        self._destinations.forget()
        self._ids.forget()
        if path.is_dir() or not path.parent.is_dir():
            raise DatabaseAway(str(change)) from change
        logger.warning(
            "%s: %s; the rows since its last checkpoint are written again, to the file at that path",
            self._who, change,
        )  # fmt: skip

    def _write_and_settle(self, rows: Sequence[Row]) -> list[Refusal]:
        file = self._sqlite_file()
        if file is None:
            return self._write(rows)
        file.look()
        try:
            refused = self._write(rows)
        except Exception:
            file.check()  # no row is refused by a file that was overwritten
            raise
        file.settle()
        return refused

    def _write(self, rows: Sequence[Row]) -> list[Refusal]:
        addressed, refused = self._addressed(rows)
        if addressed:
            self._conflicting.clear()
            self._others_are_written = False
            refused += self._write_addressed(addressed)
            refused += self._refused_for_conflicts(len(addressed))
        return refused

    def _refused_for_conflicts(self, count: int) -> list[Refusal]:
        """Rows that still meet conflicts while the others of their batch are written are refused after a while.

        Raises:
            Exception: Of such a row; the batch has to be tried again.
        """
        now = time.monotonic()
        ids = [row.message_id for row, _ in self._conflicting]
        since_s = {message_id: self._conflicting_since_s.get(message_id, now) for message_id in ids}
        self._conflicting_since_s = since_s
        if not since_s:
            return []
        if len(self._conflicting) == count or now - max(since_s.values()) < _CONFLICTS_FOR_S:
            raise self._conflicting[0][1]
        return [Refusal(row, reason(error)) for row, error in self._conflicting]

    def _addressed(self, rows: Sequence[Row]) -> tuple[list[Addressed], list[Refusal]]:
        names: dict[str, Destination] = {}
        addressed: list[Addressed] = []
        refused = []
        for row in rows:
            try:
                destination = names.get(row.table) or self._destinations.destination(row.table)
            except LookupError as error:
                refused.append(Refusal(row, str(error.args[0] if error.args else error)))
                continue
            names[row.table] = destination
            addressed.append((destination, row))
        return addressed, refused

    def _write_addressed(self, rows: Sequence[Addressed]) -> list[Refusal]:
        """Write rows in one transaction, or in two of half as many, which meet fewer others."""
        if any(destination.id_column is None for destination, _ in rows):
            self._ids.prepare(self._engine())
        tries = 0
        while True:
            try:
                return self._transaction(rows)
            except Exception as error:
                if not is_conflict(error) and not is_refusal(error):
                    raise
                if len(rows) > 1:
                    middle = len(rows) // 2
                    return [*self._write_addressed(rows[:middle]), *self._write_addressed(rows[middle:])]
                ((_, row),) = rows
                if not is_conflict(error):  # in the commit: a constraint that is only checked there
                    return [Refusal(row, reason(error))]
                if tries >= _CONFLICTS_OF_A_ROW or row.message_id in self._conflicting_since_s:
                    self._conflicting.append((row, error))
                    if not self._others_are_written and len(self._conflicting) >= _CONFLICTING_ROWS:
                        raise
                    return []
                tries += 1
                time.sleep(_CONFLICT_PAUSE_S)

    def _transaction(self, rows: Sequence[Addressed]) -> list[Refusal]:
        refused: list[Refusal] = []
        groups: dict[Destination, list[Row]] = {}
        for destination, row in rows:
            groups.setdefault(destination, []).append(row)
        with self._engine().begin() as connection:
            if self._file is not None:
                self._file.mark(connection)
            for destination, group in groups.items():
                refused += self._insert(connection, destination, group)
        if self._file is not None:
            self._file.committed()
        self._others_are_written = True
        return refused

    def _insert(self, connection: Connection, destination: Destination, rows: list[Row]) -> list[Refusal]:
        """Insert rows, each part in a savepoint; a part that fails is halved until the row is found."""
        refused: list[Refusal] = []
        failed: list[tuple[Row, Exception]] = []
        parts = [rows]
        while parts:
            part = parts.pop()
            error = self._insert_in_savepoint(connection, destination, part)
            if error is None:
                continue
            if len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif is_refusal(error):
                refused.append(Refusal(part[0], reason(error)))
            else:
                failed.append((part[0], error))
        return refused + self._failed_again(connection, destination, failed, len(rows) - len(refused))

    def _failed_again(
        self, connection: Connection, destination: Destination, failed: list[tuple[Row, Exception]], others: int
    ) -> list[Refusal]:
        """Single rows with an error of ours: refused if it meets them again while others are written.

        Raises:
            Exception: The error, if no other row is written.
        """
        if failed and len(failed) >= others:
            raise failed[0][1]
        refused = []
        for row, _ in failed:
            error = self._insert_in_savepoint(connection, destination, [row])
            if error is not None:
                logger.error("%s: a row cannot be written", self._who, exc_info=error)
                refused.append(Refusal(row, f"{type(error).__name__}: {error}"))
        return refused

    def _insert_in_savepoint(
        self, connection: Connection, destination: Destination, rows: list[Row]
    ) -> Exception | None:
        """Return what it failed with, if the rows may be to blame; other errors are raised."""
        try:
            with connection.begin_nested():
                self._insert_part(connection, destination, rows)
        except Exception as error:  # noqa: BLE001  # it is raised, or returned
            found = _first_cause(error)
            if is_away(found):
                raise found from None
            return found
        return None

    def _insert_part(self, connection: Connection, destination: Destination, rows: list[Row]) -> None:
        table, id_column = destination
        if id_column is None:
            rows = self._ids.those_new(connection, table, rows)
        columns = conversions(table)
        # One statement takes rows with the same columns only.
        alike: dict[frozenset[str], list[dict[str, Any]]] = {}
        for row in rows:
            values = converted(row.values, columns)
            if id_column is not None:
                values[id_column] = row.message_id
            alike.setdefault(frozenset(values), []).append(values)
        for names, batch in alike.items():
            unknown = names.difference(table.columns.keys())
            if unknown:  # SQLAlchemy would leave them out without a word
                raise RowRefused(f"{table.name} has no column {', '.join(sorted(unknown))}")
            try:
                if id_column is not None:
                    insert_new(connection, table, id_column, batch)
                else:
                    connection.execute(table.insert(), batch)
            except (ValueError, OverflowError) as error:  # of the driver: half a character, a number too large
                raise RowRefused(str(error)) from error


def _first_cause(error: Exception) -> Exception:
    """The error that made SQLite end the whole transaction, if the savepoint ended with it."""
    cause: BaseException | None = error
    while cause is not None and "no such savepoint" in str(cause):
        cause = cause.__context__
    return cause if isinstance(cause, Exception) else error
