"""Destination tables: creation, inspection, and inserts without duplicates."""

from __future__ import annotations

import importlib
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError
from dripline.implementations.storage.columns import as_text, in_utc
from dripline.implementations.storage.database import make_table, reason, sqlalchemy
from dripline.implementations.storage.rows import Row

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

logger = logging.getLogger("dripline.database")


#: The table that remembers the ids of rows in tables that have no column for them.
TABLE_NAME = "dripline_message_ids"
_REMEMBERED = 100_000
_PRUNE_AFTER = 10_000
_NO_PERMISSION = "42501"
_ID = "message_id"
_LONGEST_NAME = 60


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


class SensorTable:
    """Makes the table when it is missing, and looks at its columns when it is not.

    Args:
        name: Name of the table.
        schema: Its schema.
        engine: Gives the engine.
    """

    def __init__(self, name: str, schema: str | None, engine: Callable[[], Engine]) -> None:
        self.name = name
        self._schema = schema
        self._engine = engine
        self._table: Table | None = None
        self._ready = False

    def destination(self, name: str) -> Destination:
        """The table; it is there when this returns.

        Raises:
            ConfigurationError: There is a table of that name with other columns.
        """
        if self._table is None or not self._ready:
            self._table = sensor_table(self.name, self._schema)
            self._make(self._table)
            self._ready = True
        return Destination(self._table, _ID)

    def look(self) -> None:
        """Make it when it is missing; errors as of `destination`."""
        self.destination(self.name)

    def forget(self) -> None:
        """Look again whether it is there."""
        self._ready = False

    def _make(self, table: Table) -> None:
        library = sqlalchemy()
        engine = self._engine()
        make_table(engine, table)
        with engine.connect() as connection:
            inspector = library.inspect(connection)
            found = {column["name"] for column in inspector.get_columns(self.name, schema=self._schema)}
        missing = [column.name for column in table.columns if column.name not in found]
        if missing:
            raise ConfigurationError(
                f"table_name: {self.name} in {engine.url!r} is another table: it has no {', '.join(missing)}; "
                "name one that does not exist yet"
            )


def sensor_table(name: str, schema: str | None = None) -> Table:
    """Describe the table."""
    sa = sqlalchemy()
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # only that counts by itself there
    table: Table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", number, primary_key=True),
        sa.Column("timestamp", _utc_time(sa), nullable=False),
        sa.Column("sensor_name", sa.String(255), nullable=False),
        sa.Column("value_raw", sa.Double),
        sa.Column("value_cal", sa.Double),
        sa.Column("memo", sa.Text),
        sa.Column("payload", _json(sa)),
        sa.Column("routing_key", sa.String(255), nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column(_ID, sa.String(300), nullable=False, unique=True),
        # A table that was renamed to be archived keeps the names of its indexes; the others the database chooses.
        sa.Index(f"ix_{uuid.uuid4().hex[:8]}_{name}"[:_LONGEST_NAME], "sensor_name", "timestamp"),
        schema=schema,
    )
    return table


def _json(sa: Any) -> Any:
    from sqlalchemy.dialects.postgresql import JSONB  # it is not at SQLAlchemy's top level

    class Json(sa.TypeDecorator):  # type: ignore[misc]  # its base is known when SQLAlchemy is there only
        """JSON; in SQLite as text, since its own kind of column makes a number of the text "7"."""

        impl = sa.JSON
        cache_ok = True

        def load_dialect_impl(self, dialect: Any) -> Any:
            kinds = {"postgresql": JSONB(), "sqlite": sa.Text()}
            return dialect.type_descriptor(kinds.get(dialect.name, self.impl))

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return json.dumps(value) if dialect.name == "sqlite" else value

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return json.loads(value) if dialect.name == "sqlite" and value is not None else value

    return Json()


def _utc_time(sa: Any) -> Any:
    class UtcTime(sa.TypeDecorator):  # type: ignore[misc]  # its base is known when SQLAlchemy is there only
        """A time with its zone: where the database has none of that kind, as a text in UTC."""

        impl = sa.DateTime(timezone=True)
        cache_ok = True

        def load_dialect_impl(self, dialect: Any) -> Any:
            kind = sa.String(40) if dialect.name == "sqlite" else self.impl
            return dialect.type_descriptor(kind)

        def process_bind_param(self, value: datetime | None, dialect: Any) -> Any:
            if value is None:
                return None
            return as_text(value) if dialect.name == "sqlite" else in_utc(value)

        def process_result_value(self, value: Any, _dialect: Any) -> Any:
            return datetime.fromisoformat(value) if isinstance(value, str) else value

    return UtcTime()


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
    duplicate row is written twice, which is logged once.

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
    if name not in ("postgresql", "sqlite"):
        return None
    dialect = importlib.import_module(f"sqlalchemy.dialects.{name}")  # that of this database only
    return dialect.insert(table).on_conflict_do_nothing(index_elements=[id_column])


def _unknown(connection: Connection, table: Table, id_column: str, ids: Sequence[str]) -> dict[str, bool]:
    column = table.c[id_column]
    known = connection.execute(sqlalchemy().select(column).where(column.in_(ids))).scalars()
    fresh = dict.fromkeys(ids, True)
    for one in known:
        fresh.pop(one, None)
    return fresh


def look_at_table(
    engine: Engine, who: str, table: Callable[[], Table], inserted: Sequence[str], returned: Sequence[str]
) -> None:
    """Find out whether rows can be inserted into a table; errors of a database that is away come as they are.

    Args:
        engine: Of its database.
        who: The endpoint, for messages.
        table: Gives the table, as the database describes it.
        inserted: The columns that rows may have.
        returned: The columns that are returned.

    Raises:
        ConfigurationError: They cannot before somebody mends something.
    """
    library = sqlalchemy()
    try:
        described = table()
    except library.exc.NoSuchTableError as error:
        _tell_missing_table(engine, who, str(error))
    known = described.columns.keys()
    missing = [name for name in dict.fromkeys([*inserted, *returned]) if name not in known]
    if missing:
        raise ConfigurationError(
            f"{who}: the table {described.fullname} has no column {', '.join(missing)}; it has "
            f"{', '.join(known)}; add it, or correct the endpoint's insert names, default_insert_values or "
            "return_col_names"
        )
    if engine.dialect.name == "postgresql":
        _look_for_permission(engine, who, described, list(dict.fromkeys(inserted)))


def _tell_missing_table(engine: Engine, who: str, name: str) -> NoReturn:
    schema, _, plain = name.rpartition(".")
    hint = did_you_mean(plain, sqlalchemy().inspect(engine).get_table_names(schema or None))
    raise ConfigurationError(
        f"{who}: there is no table {name!r} in {engine.url!r}{hint}; make it, or correct table_name or schema"
    ) from None


def _look_for_permission(engine: Engine, who: str, table: Table, columns: Sequence[str]) -> None:
    """Have an insert planned, which is not carried out; other errors than of permission say nothing of rows."""
    quoted = engine.dialect.identifier_preparer
    names = ", ".join(map(quoted.quote, columns))
    values = f"({names}) VALUES ({', '.join(['NULL'] * len(columns))})" if columns else "DEFAULT VALUES"
    statement = f"EXPLAIN INSERT INTO {quoted.format_table(table)} {values}"
    error_of = sqlalchemy().exc.DBAPIError
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    except error_of as error:
        if getattr(error.orig, "sqlstate", None) == _NO_PERMISSION:
            user = engine.url.username or "the user"
            raise ConfigurationError(
                f"{who}: {reason(error)}: {user} must not insert into it; "
                f"GRANT INSERT ON {table.fullname} TO {user}"
            ) from None
