"""Numbers of devices in columns of real databases."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import database_url, postgres_server, postgres_url, sqlite_url

from dripline.core import Service
from dripline.implementations import SQLTable
from dripline.implementations.storage.database import make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import Row
from dripline.implementations.storage.tables import Destination

from .one_table import OneTable

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]

NAN, INF = float("nan"), float("inf")


class Numbers:
    """A table with a column of each kind of number, written to as an endpoint and as a logger."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(read_url(url))
        self.has_arrays = self.engine.dialect.name == "postgresql"
        self.table = sa.Table(
            "numbers",
            sa.MetaData(),
            sa.Column("double", sa.Double),
            sa.Column("exact", sa.Numeric(20, 10)),
            sa.Column("whole", sa.Integer),
            sa.Column("text", sa.String(30)),
            sa.Column("switch", sa.Boolean),
            sa.Column("document", sa.JSON),
            *([sa.Column("several", sa.ARRAY(sa.Double))] if self.has_arrays else []),
        )
        self.table.create(self.engine)

    def insert(self, **values: Any) -> Any:
        """By the command of an endpoint."""
        service = Service("lab", make_connection=False)
        service.engine = self.engine  # type: ignore[attr-defined]
        service.add_child(SQLTable(name="n", table_name="numbers", optional_insert_names=list(values)))
        service.sync_children["n"].do_insert(**values)  # type: ignore[attr-defined]

    def log(self, **values: Any) -> Any:
        """In a batch."""
        sink = DatabaseSink(lambda: self.engine, OneTable(Destination(self.table)), "logger")
        assert sink.write([Row("numbers", values, "1")]) == []

    def rows(self) -> list[dict[str, Any]]:
        """What is stored."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(self.table))]


@pytest.fixture
def numbers(database_url: str) -> Iterator[Numbers]:
    """On each kind of database."""
    numbers = Numbers(database_url)
    yield numbers
    numbers.engine.dispose()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("000300", 300),
        ("+000300\r\n", 300),
        ("+3.00000E+02", 300),
        ("0x12C", 300),
        (300.0, 300),
        ("true", 1),
        (True, 1),
        (None, None),
        (NAN, None),
        ("nan", None),
        (-INF, None),
        ("-inf\n", None),
    ],
)
@pytest.mark.parametrize("way", [Numbers.insert, Numbers.log])
def test_a_number_is_stored_as_a_number(numbers, way, written, stored):
    """Whatever its notation; NaN and infinity are NULL, in text columns they are text."""
    way(numbers, double=written, exact=written, whole=written, text="nan")
    (row,) = numbers.rows()
    assert [row[name] for name in ("double", "exact", "whole", "text")] == [stored, stored, stored, "nan"]


@pytest.mark.parametrize(
    ("column", "written", "stored"),
    [
        ("switch", "true", True),
        ("switch", "+0.000E+00\n", False),
        ("switch", "1", True),
        ("text", NAN, "nan"),
        ("text", -INF, "-inf"),
        ("text", True, "true"),
        ("document", {"a": [NAN, 1.5], "b": -INF}, {"a": ["nan", 1.5], "b": "-inf"}),
        ("document", {"a": 1}, {"a": 1}),
    ],
)
@pytest.mark.parametrize("way", [Numbers.insert, Numbers.log])
def test_all_databases_store_the_same(numbers, way, column, written, stored):
    """In columns that do not hold numbers, too."""
    way(numbers, **{column: written})
    assert numbers.rows()[0][column] == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ([1.5, 2], [1.5, 2]),
        (["+000300", True, NAN, "nan", None], [300, 1, None, None, None]),
        ([[1, "2"], ["0x3", 4.5]], [[1, 2], [3, 4.5]]),
        ("1.5,-2.5\r\n", [1.5, -2.5]),  # as instruments send several numbers
        ("12", [12]),
        (12, [12]),
    ],
)
@pytest.mark.parametrize("way", [Numbers.insert, Numbers.log])
def test_arrays_of_numbers(postgres_url, way, written, stored):
    """A text is not a list of characters."""
    numbers = Numbers(postgres_url)
    way(numbers, several=written)
    assert numbers.rows()[0]["several"] == stored
    numbers.engine.dispose()


def test_exact_numbers_keep_their_digits(postgres_url):
    """A float has only 17 of them."""
    numbers = Numbers(postgres_url)
    numbers.insert(exact="+1234567890.0123456789\n")
    assert numbers.rows()[0]["exact"] == Decimal("1234567890.0123456789")
    numbers.engine.dispose()
