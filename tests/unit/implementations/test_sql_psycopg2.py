"""SQL that extensions wrote for psycopg2, the reference's driver, works on psycopg 3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url

from dripline.core import Service
from dripline.implementations import SQLTable
from dripline.implementations.storage.database import make_engine, read_url

__all__ = ["postgres_server", "postgres_url"]

WHEN = datetime(2026, 1, 31, 12, 30, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
LIGHT = sa.table("readings", sa.column("at"), sa.column("number"), sa.column("numbers"), sa.column("words"))


@pytest.fixture
def service(postgres_url: str) -> Iterator[Service]:
    """A service with a table of many types, which has one row."""
    service = Service("laboratory", make_connection=False)
    service.engine = make_engine(read_url(postgres_url))
    with service.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE readings (id serial PRIMARY KEY, at timestamptz, number integer, numbers float8[], "
            "words text[], note text, document jsonb, length interval)"
        )
        connection.exec_driver_sql("INSERT INTO readings (at, number) VALUES ('2026-01-31T12:30:00Z', 3)")
    names = ["at", "number", "numbers", "words", "note", "document", "length"]
    service.add_child(SQLTable(name="readings", table_name="readings", optional_insert_names=names))
    yield service
    service.engine.dispose()


@pytest.fixture
def connection(service: Service) -> Iterator[sa.Connection]:
    """As an extension gets one."""
    with service.engine.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("numbers", [1.5, 2], [1.5, 2.0]),
        ("numbers", (1, 2.5), [1.0, 2.5]),
        ("numbers", [[1.5, 2], [3, None]], [[1.5, 2.0], [3.0, None]]),
        ("numbers", [Decimal("1.5"), 2, 10**12], [1.5, 2.0, 1e12]),
        ("numbers", ["+1.5E+00", 2], [1.5, 2.0]),
        ("numbers", [None], [None]),
        ("numbers", [], []),
        ("words", ["a", 'b,"{\\}', "NULL", 1, True], ["a", 'b,"{\\}', "NULL", "1", "true"]),
        ("document", [1.5, 2, "x", {"a": None}], [1.5, 2, "x", {"a": None}]),
        ("note", 1.5, "1.5"),
        ("note", "50 % of :x, %s", "50 % of :x, %s"),
        ("number", True, 1),
        ("number", "5", 5),
        ("length", HOUR, "1:00:00"),
    ],
)
def test_values_of_payloads_are_inserted(service, column, value, found):
    """Alone and among others: numbers of several kinds in an array, numbers into texts."""
    table = service.sync_children["readings"]
    table.do_insert(**{column: value})
    with service.engine.begin() as connection:
        connection.execute(table.table.insert(), [{column: value}, {column: None}, {column: value}])
    assert table.do_select(column, order_by="id")[1][1:] == [[found], [found], [None], [found]]


QUERIES: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "a time and a text": ("SELECT number FROM readings WHERE at > :x", {"x": "2026-01-01"}, 3),
    "an interval and a text": ("SELECT CAST(:x AS timestamptz) + :y", {"x": WHEN, "y": HOUR}, WHEN + HOUR),
    "a time in a function": ("SELECT date_trunc('hour', :x)", {"x": WHEN}, WHEN.replace(minute=0)),
    "a time and an interval": ("SELECT :x + interval '1 hour'", {"x": WHEN}, WHEN + HOUR),
    "an optional condition": ("SELECT number FROM readings WHERE :x IS NULL OR note = :x", {"x": None}, 3),
    "numbers of two kinds": ("SELECT 5 = ANY(:x)", {"x": [5, 6.5]}, True),
    "unnested words": ("SELECT count(*) FROM unnest(:x)", {"x": ["a", "b"]}, 2),
    "IN with a tuple": ("SELECT number IN :x FROM readings", {"x": (3, 4)}, True),
    "IN with a tuple of one": ("SELECT number IN :x FROM readings", {"x": (4,)}, False),
    "IN with texts": ("SELECT 'a' IN :x", {"x": ("a", "it's")}, True),
    "a series": ("SELECT max(n) FROM generate_series(:a, :b) AS n", {"a": 1, "b": 3}, 3),
    "a rounded number": ("SELECT round(:x, 2)", {"x": 1.256}, Decimal("1.26")),
    "a percent sign": ("SELECT 7 % :x", {"x": 4}, 3),
    "a negative number": ("SELECT 1 -:x", {"x": -5}, 6),
    "a quoted text": ("SELECT :x", {"x": "a'b\\c"}, "a'b\\c"),
    "two statements": ("SET LOCAL work_mem = '1MB'; SELECT :x", {"x": 5}, 5),
}


STREAMED = {
    name: query for name, query in QUERIES.items() if name != "two statements"
}  # the rows of one are streamed


@pytest.mark.parametrize(
    ("stream", "statement", "values", "found"),
    [*((False, *query) for query in QUERIES.values()), *((True, *query) for query in STREAMED.values())],
    ids=[*QUERIES, *(f"{name}, streamed" for name in STREAMED)],
)
def test_parameters_adapt_to_what_they_are_compared_with(connection, statement, values, found, stream):
    """In SQL that an extension wrote."""
    options = connection.execution_options(stream_results=stream)
    assert options.execute(sa.text(statement), values).scalars().all() == [found]
    assert options.execute(sa.text(statement).bindparams(**values)).scalars().all() == [found]


STATEMENTS: dict[str, Callable[[sa.Table], Any]] = {
    "select": lambda table: sa.select(table.c.number).where(table.c.at < "2026-02-01"),
    "select in": lambda table: sa.select(table.c.number).where(table.c.at.in_([WHEN, WHEN.isoformat()])),
    "select by a large number": lambda table: sa.select(table.c.number).where(table.c.number < 3_000_000_000),
    "select by a column without type": lambda _: sa.select(LIGHT.c.number).where(LIGHT.c.at > "2026-01-01"),
    "select by a function": lambda table: sa.select(table.c.number).where(sa.func.now() > "2026-01-01"),
    "update": lambda table: (
        table.update().where(sa.column("at") > "2026-01-01").values(numbers=[1.5, 2]).returning(table.c.number)
    ),
    "delete": lambda _: LIGHT.delete().where(LIGHT.c.at > "2026-01-01").returning(LIGHT.c.number),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_expressions_of_sqlalchemy_compare_times_with_texts(service, connection, statement):
    """With the table of the endpoint, and with one that an extension describes itself."""
    statement = statement(service.sync_children["readings"].table)
    assert connection.execute(statement).scalars().all() == [3]


def test_arrays_are_compared(service, connection):
    """Their numbers may be of several kinds."""
    table = service.sync_children["readings"]
    table.do_insert(number=1, numbers=[1.5, 2])
    statement = sa.select(table.table.c.number).where(table.table.c.numbers == [1.5, 2])
    assert connection.execute(statement).scalars().all() == [1]
    assert table.do_select("number", where_eq_dict={"numbers": [1.5, 2]})[1] == [[1]]


COMMANDS = {
    "NOTIFY laboratory, %s": ("it's",),
    "SET LOCAL application_name = %s": ("laboratory",),
    "CREATE TEMPORARY TABLE settings (x integer DEFAULT %s)": (5,),
    "COMMENT ON TABLE readings IS %(text)s": {"text": "50 %"},
    "INSERT INTO readings (at) VALUES (date %s); DELETE FROM readings WHERE at < interval %s + now()": (
        "2026-01-31", "1 day",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("command", "values"), COMMANDS.items(), ids=COMMANDS)
def test_parameters_stand_where_a_server_takes_none(connection, command, values):
    """Commands, defaults, typed literals, several statements."""
    connection.exec_driver_sql(command, values)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("'infinity'::timestamptz", datetime.max.replace(tzinfo=timezone.utc)),
        ("'-infinity'::timestamp", datetime.min),
        ("'infinity'::date", date.max),
        ("'24:00'::time", time()),
        ("'10.0.0.1'::inet", "10.0.0.1"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("(1, 'a')", "(1,a)"),
    ],
)
def test_values_come_back_as_with_psycopg2(connection, text, found):
    """Those that psycopg 3 refuses, or for which it has classes."""
    assert connection.exec_driver_sql(f"SELECT {text}").scalar() == found


def test_the_cursor_of_the_driver_is_adapted_too(service):
    """An extension may use it without SQLAlchemy."""
    raw = service.engine.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT %s IN %s, 7 %% 4", (3, (3, 4)))
            assert cursor.fetchall() == [(True, 3)]
            cursor.execute("SELECT 7 % 4")
            assert cursor.fetchone() == (3,)
            cursor.executemany("INSERT INTO readings (numbers) VALUES (%s)", [([1.5, 2],), ([],)])
    finally:
        raw.close()
