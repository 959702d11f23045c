"""The database side: a batch of rows becomes one transaction, whatever single rows are like."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dripline.implementations.storage.database import (
    DatabaseAway,
    DatabaseUnfit,
    is_away,
    reason,
    remedy,
    sqlalchemy,
)
from dripline.implementations.storage.message_ids import MessageIds, insert_new
from dripline.implementations.storage.refused import Refusal
from dripline.implementations.storage.row import Row
from dripline.implementations.storage.times import read_time
from dripline.wire.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

logger = logging.getLogger(__name__)


class Destination(NamedTuple):
    """Where rows go.

    Attributes:
        table: The table.
        id_column: Its column that holds message ids and is unique; None when there is none.
    """

    table: Table
    id_column: str | None = None


class Destinations(Protocol):
    """Knows the tables by the names that rows carry."""

    def destination(self, name: str) -> Destination:
        """Find a table; errors of the database are raised as they come.

        Raises:
            LookupError: There is none of that name.
            ConfigurationError: Rows cannot be written to it before somebody mends something.
        """

    def look(self) -> None:
        """Find out whether rows can be written to them.

        Raises:
            ConfigurationError: They cannot before somebody mends something.
        """

    def forget(self) -> None:
        """Look again for all of them; the database was away."""


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
        self._ids = MessageIds(who)

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Write rows; those that are in the database already are left out.

        Returns:
            The rows that the database refused. All others are committed.

        Raises:
            DatabaseAway: Nothing of it is known to be written; try again later.
        """
        with self._telling_what_is_away():
            return self._write(rows)

    def look(self) -> None:
        """Find out whether rows could be written.

        Raises:
            DatabaseAway: They could not; try again later.
        """
        with self._telling_what_is_away():
            self._destinations.look()

    # -- inside ----------------------------------------------------------------------------------------------

    @contextmanager
    def _telling_what_is_away(self) -> Iterator[None]:
        try:
            yield
        except ConfigurationError as error:
            self._forget()
            raise DatabaseUnfit(str(error)) from error
        except Exception as error:
            if not is_away(error):
                raise
            self._forget()
            kind = DatabaseUnfit if remedy(error) else DatabaseAway
            raise kind(reason(error)) from error

    def _forget(self) -> None:
        self._destinations.forget()
        self._ids.forget()
        self._engine().dispose()

    def _write(self, rows: Sequence[Row]) -> list[Refusal]:
        groups, refused = self._by_table(rows)
        if groups:
            refused += self._write_groups(groups)
        return refused

    def _by_table(self, rows: Sequence[Row]) -> tuple[dict[Destination, list[Row]], list[Refusal]]:
        names: dict[str, Destination] = {}
        groups: dict[Destination, list[Row]] = {}
        refused = []
        for row in rows:
            try:
                destination = names.get(row.table) or self._destinations.destination(row.table)
            except LookupError as error:
                refused.append(Refusal(row, str(error.args[0] if error.args else error)))
                continue
            names[row.table] = destination
            groups.setdefault(destination, []).append(row)
        return groups, refused

    def _write_groups(self, groups: Mapping[Destination, list[Row]]) -> list[Refusal]:
        engine = self._engine()
        if any(destination.id_column is None for destination in groups):
            self._ids.prepare(engine)
        refused: list[Refusal] = []
        try:
            with engine.begin() as connection:
                for destination, rows in groups.items():
                    refused += self._insert(connection, destination, rows)
        except Exception as error:  # in the commit: a constraint that is only looked at there
            if is_away(error):
                raise
            return self._one_by_one(groups, error)
        return refused

    def _one_by_one(self, groups: Mapping[Destination, list[Row]], error: Exception) -> list[Refusal]:
        singles = [(destination, row) for destination, rows in groups.items() for row in rows]
        if len(singles) == 1:
            return [Refusal(singles[0][1], reason(error))]
        return [refusal for at, row in singles for refusal in self._write_groups({at: [row]})]

    def _insert(self, connection: Connection, destination: Destination, rows: list[Row]) -> list[Refusal]:
        """Insert rows, each part in a savepoint; a part that is refused is halved until the row is found."""
        refused = []
        parts = [rows]
        while parts:
            part = parts.pop()
            try:
                with connection.begin_nested():
                    self._insert_part(connection, destination, part)
            except Exception as error:
                if is_away(error):
                    raise
                if len(part) == 1:
                    refused.append(Refusal(part[0], reason(error)))
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
        return refused

    def _insert_part(self, connection: Connection, destination: Destination, rows: list[Row]) -> None:
        table, id_column = destination
        if id_column is None:
            rows = self._ids.those_new(connection, table, rows)
        times = time_columns(table)
        # One statement takes rows with the same columns only.
        alike: dict[frozenset[str], list[dict[str, Any]]] = {}
        for row in rows:
            values = dict(as_times(row.values, times))
            if id_column is not None:
                values[id_column] = row.message_id
            alike.setdefault(frozenset(values), []).append(values)
        for columns, batch in alike.items():
            unknown = columns.difference(table.columns.keys())
            if unknown:  # SQLAlchemy would leave them out without a word
                raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
            if id_column is not None:
                insert_new(connection, table, id_column, batch)
            else:
                connection.execute(table.insert(), batch)


def time_columns(table: Table) -> frozenset[str]:
    """Names of the columns that hold times."""
    kind = sqlalchemy().DateTime
    return frozenset(column.name for column in table.columns if isinstance(column.type, kind))


def as_times(values: Mapping[str, Any], columns: frozenset[str]) -> Mapping[str, Any]:
    """Make times of the texts in some columns, since not every database reads them itself."""
    found: dict[str, datetime] = {}
    for column in columns:
        value = values.get(column)
        time = read_time(value) if isinstance(value, str) else None
        if time is not None:
            found[column] = time
    return {**values, **found} if found else values
