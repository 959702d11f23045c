"""`SQLTable`: a database table as an endpoint (insert, select)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dripline.core._access import Reach
from dripline.core.argument_checks import Checks, check_arguments
from dripline.core.endpoint import Endpoint
from dripline.errors import ConfigurationError
from dripline.implementations.storage.columns import (
    TooLarge,
    compared,
    conversions,
    converted,
    fetch,
    plain_value,
    selected,
)
from dripline.implementations.storage.database import is_away, reason, sqlalchemy
from dripline.implementations.storage.tables import look_at_table
from dripline.wire.return_codes import ThrowReply

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Select, Table

#: A column that takes the value of the same name, or ``{"column": ..., "payload_key": ...}``.
InsertName = str | Mapping[str, str]
#: A comparison, and the value for each column.
Condition = tuple[Callable[[Any, Any], Any], Mapping[str, Any] | None]


def _name(entry: InsertName) -> tuple[str, str]:
    """A column and the name that its value comes under."""
    if isinstance(entry, str):
        return entry, entry
    if isinstance(entry, Mapping) and "column" in entry and entry.keys() <= {"column", "payload_key"}:
        return str(entry["column"]), str(entry.get("payload_key", entry["column"]))
    raise ValueError(f"has {entry!r} among its insert names, no name and no {{column: …, payload_key: …}}")


def _names(entries: Sequence[InsertName] | None) -> list[tuple[str, str]]:
    if isinstance(entries, (str, Mapping)):
        raise ValueError(f"is a list of insert names, not {entries!r}")
    return [_name(entry) for entry in entries or ()]


class SQLTable(Endpoint):
    """Inserts into a table and selects from it, by the commands ``do_insert`` and ``do_select``.

    Its service has an ``engine``, as `PostgreSQLInterface` gives it one.

    Args:
        table_name: Name of the table, which exists.
        schema: Its schema; the user's own when not given.
        required_insert_names: Columns that an insert must give: each a name, or a mapping with ``column`` and
            ``payload_key`` when the value comes under another name.
        return_col_names: Columns of the new row that an insert returns.
        optional_insert_names: Columns that an insert may give, likewise. What is named in neither is left out.
        default_insert_values: Value by column, for columns that an insert does not give.
        *args: For `Endpoint`.
        **kwargs: For `Endpoint`.
    """

    _dripline_reach: ClassVar[Reach] = {"get": {"table_name", "schema"}, "cmd": {"do_insert", "do_select"}}
    _dripline_checks: ClassVar[Checks] = {"required_insert_names": _names, "optional_insert_names": _names}

    def __init__(
        self,
        table_name: str,
        schema: str | None = None,
        required_insert_names: Sequence[InsertName] | None = None,
        return_col_names: Sequence[str] | None = None,
        optional_insert_names: Sequence[InsertName] | None = None,
        default_insert_values: Mapping[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        Endpoint.__init__(self, *args, **kwargs)
        names = {"required_insert_names": required_insert_names, "optional_insert_names": optional_insert_names}
        check_arguments(self.name, SQLTable._dripline_checks, **names)
        self.table_name = table_name
        self.schema = schema
        self.__required = _names(required_insert_names)
        self.__optional = _names(optional_insert_names)
        self.__returned = [return_col_names] if isinstance(return_col_names, str) else list(return_col_names or ())
        self.__defaults = dict(default_insert_values or {})
        self.__table: Table | None = None

    @property
    def table(self) -> Table:
        """The SQLAlchemy table; the database is asked for its columns when it is first used."""
        table = self.__table  # a logger forgets it on another thread
        if table is None:
            library = sqlalchemy()
            self.__table = table = library.Table(
                self.table_name, library.MetaData(), schema=self.schema, autoload_with=self.__engine()
            )
        return table

    @table.setter
    def table(self, table: Table | None) -> None:
        self.__table = table

    def do_insert(self, /, **values: Any) -> Any:
        """Insert a row.

        While a logger handles an alert the row joins the batch, unless columns are to be returned: a row that is
        wrong goes to the logger's refused ones then, and nothing is raised.

        Args:
            **values: Value by name.

        Returns:
            What ``return_col_names`` asks for, by column; None when that is nothing.

        Raises:
            ThrowReply: A required value is missing (304), the database refuses the row (304), or is away (201).
        """
        joins_batch = (
            not self.__returned and getattr(self.service, "_dripline_alert_in_flight", lambda: None)() is not None
        )
        return (
            self._dripline_insert_with_others(values)
            if joins_batch
            else self.__insert_now(self.__by_column(values))
        )

    def do_select(
        self,
        return_cols: Sequence[str] | None = None,
        where_eq_dict: Mapping[str, Any] | None = None,
        where_lt_dict: Mapping[str, Any] | None = None,
        where_gt_dict: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int = 0,
        order_by: str | Sequence[str] | None = None,
    ) -> tuple[list[str], list[list[Any]]]:
        """Select rows; the conditions all hold.

        All rows that match are returned, or none: if a reply cannot hold them, this fails. To select many rows in
        parts, give ``limit`` and ``offset``; the parts are ordered by ``order_by``, then by the primary key.

        Args:
            return_cols: Names of the columns; all of them when not given.
            where_eq_dict: Value by column, for ``=``. A time without a zone is UTC.
            where_lt_dict: Value by column, for ``<``.
            where_gt_dict: Value by column, for ``>``.
            limit: Maximum number of rows; all of them by default.
            offset: Number of rows to skip.
            order_by: Names of columns to sort by; with a leading ``-`` in descending order.

        Returns:
            The names of the columns, and the rows. Times are in UTC.

        Raises:
            ThrowReply: There is no such column (304), a value does not fit (304), a reply cannot hold the rows
                (304), or the database is away (201).
        """
        try:
            table = self.table
            with self.__engine().connect() as connection:
                conditions = (
                    (operator.eq, where_eq_dict),
                    (operator.lt, where_lt_dict),
                    (operator.gt, where_gt_dict),
                )
                statement = self.__selected(table, connection, return_cols, conditions)
                statement = self.__part_of(statement, limit, offset, order_by)
                result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(statement)
                return list(result.keys()), fetch(result)
        except TooLarge as error:
            raise ThrowReply("service_error_invalid_value", f"{self.name}: {error}") from None
        except Exception as error:
            raise self.__reply(error) from error

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _dripline_takes_inserts(self) -> bool:
        return bool(self.__required or self.__optional)

    def _dripline_insert_with_others(self, values: Mapping[str, Any]) -> None:
        """Give a row to the logger that this is an endpoint of."""
        logger: Any = self.service
        try:
            row = self.__by_column(values)
        except ThrowReply as refusal:
            logger._dripline_refuse_row(self.name, values, refusal.return_message)
        else:
            logger._dripline_put_row(self.name, row)

    def _dripline_look_at_table(self) -> None:
        """Find out whether rows can be inserted.

        Raises:
            ConfigurationError: They cannot before somebody mends something.
        """
        columns = [column for column, _ in (*self.__required, *self.__optional)]
        look_at_table(
            self.__engine(), self.name, lambda: self.table, [*columns, *self.__defaults], self.__returned
        )

    def __engine(self) -> Engine:
        engine: Engine | None = getattr(self.service, "engine", None)
        if engine is None:
            raise ThrowReply("service_error", f"{self.name}: its service has no database")
        return engine

    def __by_column(self, values: Mapping[str, Any]) -> dict[str, Any]:
        row = dict(self.__defaults)
        for column, key in (*self.__required, *self.__optional):
            if key in values:
                row[column] = values[key]
            elif column in values:
                row[column] = values[column]
        missing = [key for column, key in self.__required if column not in row]
        if missing:
            raise ThrowReply("service_error_invalid_value", f"{self.name}: an insert needs {', '.join(missing)}")
        return row

    def __insert_now(self, row: Mapping[str, Any]) -> Any:
        try:
            table = self.table
            values = converted(row, conversions(table))
            statement = table.insert().values(**values)
            if self.__returned:
                statement = statement.returning(*(self.__column(table, name) for name in self.__returned))
            with self.__engine().begin() as connection:
                result = connection.execute(statement)
                found = result.mappings().one() if self.__returned else None
        except Exception as error:
            raise self.__reply(error) from error
        return None if found is None else {name: plain_value(value) for name, value in found.items()}

    def __selected(
        self,
        table: Table,
        connection: Connection,
        names: Sequence[str] | None,
        conditions: Iterable[Condition],
    ) -> Select[Any]:
        names = [names] if isinstance(names, str) else names
        statement: Select[Any] = sqlalchemy().select(
            *(selected(self.__column(table, name), connection) for name in names or table.columns.keys())
        )
        for compare, values in conditions:
            for name, value in (values or {}).items():
                statement = statement.where(compare(*compared(self.__column(table, name), value, connection)))
        return statement

    def __part_of(
        self, statement: Select[Any], limit: int | None, offset: int, order_by: str | Sequence[str] | None
    ) -> Select[Any]:
        names = [order_by] if isinstance(order_by, str) else [] if order_by is None else order_by
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            text = f"{self.name}: order_by must be a name of a column, or a list of them, not {order_by!r}"
            raise ThrowReply("service_error_invalid_value", text)
        table = self.table
        for name in names:
            column = self.__column(table, name.removeprefix("-") if name not in table.columns else name)
            statement = statement.order_by(column if column.name == name else column.desc())
        for key, value in (("limit", limit), ("offset", offset)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                text = f"{self.name}: {key} must be a whole number of 0 or more, not {value!r}"
                raise ThrowReply("service_error_invalid_value", text)
        if limit is None and not offset:
            return statement
        return statement.order_by(*table.primary_key).limit(limit).offset(offset or None)

    def __column(self, table: Table, name: str) -> Column[Any]:
        if name not in table.columns:
            known = ", ".join(table.columns.keys())
            text = f"{self.name}: {self.table_name} has no column {name!r}; it has {known}"
            raise ThrowReply("service_error_invalid_value", text)
        return table.columns[name]

    def __reply(self, error: Exception) -> Exception:
        """What whoever asked gets to hear."""
        if isinstance(error, (ThrowReply, ConfigurationError)):
            return error
        if is_away(error):
            self.__engine().dispose()
            return ThrowReply("resource_error_connection", f"{self.name}: {reason(error)}")
        return ThrowReply("service_error_invalid_value", f"{self.name}: {reason(error)}")
