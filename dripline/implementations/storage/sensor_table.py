"""The table of the sensor logger."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dripline.errors import ConfigurationError
from dripline.implementations.storage.database import make_table, sqlalchemy
from dripline.implementations.storage.database_sink import Destination
from dripline.implementations.storage.times import as_text, in_utc

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

_ID = "message_id"
_LONGEST_NAME = 60


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
