"""Rows that come twice are written once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dripline.implementations.storage.database import make_table, sqlalchemy
from dripline.implementations.storage.row import Row

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

logger = logging.getLogger("dripline.database")

#: The table that remembers the ids of rows in tables that have no column for them.
TABLE_NAME = "dripline_message_ids"
_REMEMBERED = 100_000
_PRUNE_AFTER = 10_000
_NO_PERMISSION = "42501"


def insert_new(connection: Connection, table: Table, id_column: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, but for those whose id is in the table already.

    Args:
        connection: In a transaction.
        table: The table.
        id_column: A column of it that is unique.
        rows: All with the same columns.
    """
    statement = _insert_or_skip(connection, table, id_column)
    if statement is not None:
        connection.execute(statement, rows)
        return
    fresh = _unknown(connection, table, id_column, [row[id_column] for row in rows])
    new = [row for row in rows if fresh.pop(row[id_column], False)]
    if new:
        connection.execute(table.insert(), new)


class MessageIds:
    """The ids of the last 100000 rows, in a table beside those that have no column for them.

    It is written in the same transaction as the rows. A database user who must not make tables has none; then a
    row that comes twice is written twice, which is told once.

    Args:
        who: The service, for messages.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._table: Table | None = None
        self._ready = self._forbidden = False
        self._since_pruned = 0

    def prepare(self, engine: Engine) -> None:
        """Make the table when it is missing."""
        if self._ready or self._forbidden:
            return
        library = sqlalchemy()
        if self._table is None:
            self._table = _ids_table(library)
        try:
            make_table(engine, self._table)
        except library.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_PERMISSION:
                raise
            self._forbidden = True
            logger.warning(
                "%s: the user of the database must not make the table %s: what comes twice is written twice",
                self._who, TABLE_NAME,
            )  # fmt: skip
        else:
            self._ready = True

    def forget(self) -> None:
        """Look again whether the table is there."""
        self._ready = False

    def those_new(self, connection: Connection, table: Table, rows: list[Row]) -> list[Row]:
        """Return the rows whose ids are not known yet, and remember these."""
        if self._table is None or not self._ready:
            return rows
        keys = {f"{table.fullname}:{row.message_id}": row for row in reversed(rows)}
        fresh = self._remember(connection, self._table, list(keys))
        self._prune(connection, self._table, len(fresh))
        return [row for row in rows if fresh.pop(f"{table.fullname}:{row.message_id}", False)]

    def _remember(self, connection: Connection, ids: Table, keys: list[str]) -> dict[str, bool]:
        rows = [{"message_id": key} for key in keys]
        statement = _insert_or_skip(connection, ids, "message_id")
        if statement is not None:
            result = connection.execute(statement.returning(ids.c.message_id), rows)
            return dict.fromkeys(result.scalars(), True)
        fresh = _unknown(connection, ids, "message_id", keys)
        if fresh:
            connection.execute(ids.insert(), [{"message_id": key} for key in fresh])
        return fresh

    def _prune(self, connection: Connection, ids: Table, count: int) -> None:
        self._since_pruned += count
        if self._since_pruned < _PRUNE_AFTER:
            return
        self._since_pruned = 0
        library = sqlalchemy()
        newest = connection.execute(library.select(library.func.max(ids.c.number))).scalar() or 0
        connection.execute(ids.delete().where(ids.c.number <= newest - _REMEMBERED))


def _ids_table(library: Any) -> Table:
    number = library.BigInteger().with_variant(library.Integer, "sqlite")  # only that counts by itself there
    table: Table = library.Table(
        TABLE_NAME,
        library.MetaData(),
        library.Column("number", number, primary_key=True),
        library.Column("message_id", library.String(400), nullable=False, unique=True),
    )
    return table


def _insert_or_skip(connection: Connection, table: Table, id_column: str) -> Any:
    """An INSERT that leaves out known ids; None when this database has no such thing that we know."""
    name = connection.dialect.name
    if name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # only with this database

        return postgresql_insert(table).on_conflict_do_nothing(index_elements=[id_column])
    if name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert  # only with this database

        return sqlite_insert(table).on_conflict_do_nothing(index_elements=[id_column])
    return None


def _unknown(connection: Connection, table: Table, id_column: str, ids: Sequence[str]) -> dict[str, bool]:
    column = table.c[id_column]
    known = connection.execute(sqlalchemy().select(column).where(column.in_(ids))).scalars()
    fresh = dict.fromkeys(ids, True)
    for one in known:
        fresh.pop(one, None)
    return fresh
