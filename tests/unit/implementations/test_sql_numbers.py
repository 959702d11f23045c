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
from dripline.implementations.storage.row import Row
from dripline.implementations.storage.sink import DatabaseSink, Destination

from .one_table import OneTable

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]

NAN, INF = float("nan"), float("inf")


class Numbers:
    """A table with a column of each kind of number, written to as an endpoint and as a logger."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(read_url(url))
        self.table = sa.Table(
            "numbers",
            sa.MetaData(),
            sa.Column("double", sa.Double),
            sa.Column("exact", sa.Numeric(20, 10)),
            sa.Column("whole", sa.Integer),
            sa.Column("text", sa.String(30)),
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
    assert numbers.rows() == [{"double": stored, "exact": stored, "whole": stored, "text": "nan"}]


def test_exact_numbers_keep_their_digits(postgres_url):
    """A float has only 17 of them."""
    numbers = Numbers(postgres_url)
    numbers.insert(exact="+1234567890.0123456789\n")
    assert numbers.rows()[0]["exact"] == Decimal("1234567890.0123456789")
    numbers.engine.dispose()
