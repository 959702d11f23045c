"""What can be wrong with a laboratory's table, found out before rows are lost to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError
from dripline.implementations.storage.database import reason, sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

_NO_PERMISSION = "42501"


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
