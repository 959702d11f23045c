"""Makes psycopg 3 accept what extensions for psycopg2 do.

psycopg 3 sends a statement and its parameters separately, and each parameter has a type that must match. psycopg2
writes the parameters into the statement, where a text adapts to the column that it is compared with.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timezone
from typing import Any

from psycopg import ClientCursor, Connection, Cursor, ServerCursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader, PyFormat, RecursiveDumper
from psycopg.client_cursor import ClientCursorMixin
from psycopg.types.datetime import DateLoader, TimeLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader
from sqlalchemy import ARRAY, Engine
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGExecutionContext_psycopg
from sqlalchemy.engine.interfaces import ExecuteStyle

_SPECIAL = re.compile(rb'["\\]')  # in an element of an array
_AS_TEXT = ("inet", "cidr", "record")  # psycopg 3 has classes for them


def adapt_engine(engine: Engine) -> None:
    """Have SQLAlchemy write statements as it does for psycopg2."""
    engine.dialect.statement_compiler = _Compiler
    engine.dialect.execution_ctx_cls = _ExecutionContext


def adapt_connection(connection: Connection[Any]) -> None:
    """Have a new connection convert values as psycopg2 does."""
    connection.cursor_factory = _Cursor
    connection.server_cursor_factory = _ServerCursor
    connection.adapters.register_dumper(list, _ListDumper)
    connection.adapters.register_dumper(tuple, _TupleDumper)
    for name, loader in _LOADERS.items():
        connection.adapters.register_loader(name, loader)


class _Compiler(PGCompiler_psycopg):
    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        """Write types only for values of known columns, and for arrays, whose elements do not adapt."""
        if self.isinsert or isinstance(dbapi_type, ARRAY):
            return str(super().render_bind_cast(type_, dbapi_type, sqltext))  # type: ignore[no-untyped-call]
        return sqltext


class _ExecutionContext(PGExecutionContext_psycopg):
    def create_default_cursor(self) -> Any:
        """Insert many rows by a prepared statement, three times as fast; their columns have known types."""
        if self.isinsert and self.execute_style is ExecuteStyle.EXECUTEMANY:
            connection: Any = self._dbapi_connection.driver_connection
            return Cursor(connection)
        return super().create_default_cursor()


class _Cursor(ClientCursor[Any]):
    def execute(self, *arguments: Any, **options: Any) -> _Cursor:
        """Execute statements; the result is that of the last one."""
        super().execute(*arguments, **options)
        while self.nextset():
            pass
        return self


class _ServerCursor(ClientCursorMixin[Connection[Any], Any], ServerCursor[Any]):
    pass


class _ListDumper(RecursiveDumper):
    """Write a list as ``ARRAY[…]``: its numbers may be of several kinds."""

    def dump(self, obj: list[Any]) -> Buffer:
        return b"{%s}" % b",".join(map(self._element, obj))

    def _element(self, item: Any) -> Buffer:
        if isinstance(item, list):
            return self.dump(item)
        if isinstance(item, bool):  # in an array of texts, the same word as in `quote`
            return b"true" if item else b"false"
        text = None if item is None else self._tx.get_dumper(item, PyFormat.TEXT).dump(item)
        return b"NULL" if text is None else b'"%s"' % _SPECIAL.sub(rb"\\\g<0>", bytes(text))

    def quote(self, obj: list[Any]) -> Buffer:
        if all(item is None or item == [] for item in obj):  # elements of no known type
            return b"'{%s}'" % b",".join(b"NULL" for item in obj if item is None)
        return b"ARRAY[%s]" % b",".join(map(self._tx.as_literal, obj))


class _TupleDumper(RecursiveDumper):
    """Write a tuple as ``(…)``, as in ``x IN %s``."""

    def dump(self, obj: tuple[Any, ...]) -> Buffer:
        return self.quote(obj)

    def quote(self, obj: tuple[Any, ...]) -> Buffer:
        return b"(%s)" % b",".join(map(self._tx.as_literal, obj))


def _bounded(loader: type[Loader], lowest: date, highest: date) -> type[Loader]:
    """Return a loader that reads infinity as the last time that there is."""

    class Bounded(loader):  # type: ignore[valid-type,misc]  # its base is a parameter
        def load(self, data: Buffer) -> Any:
            if bytes(data).endswith(b"infinity"):
                return highest if data == b"infinity" else lowest
            return super().load(data)

    return Bounded


class _TimeLoader(TimeLoader):
    def load(self, data: Buffer) -> time:
        return time() if bytes(data) == b"24:00:00" else super().load(data)


_LOADERS: dict[str, type[Loader]] = {
    "date": _bounded(DateLoader, date.min, date.max),
    "timestamp": _bounded(TimestampLoader, datetime.min, datetime.max),
    "timestamptz": _bounded(
        TimestamptzLoader, datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
    ),
    "time": _TimeLoader,
    **dict.fromkeys(_AS_TEXT, TextLoader),
}
