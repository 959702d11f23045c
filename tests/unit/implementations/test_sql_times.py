"""Times in databases are UTC: on PostgreSQL with a session in another zone, and on SQLite."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server

from dripline.core import MsgAlert, Service
from dripline.implementations import PostgresSensorLogger, SensorLogger, SQLTable
from dripline.implementations.storage.columns import read_time
from dripline.implementations.storage.database import make_engine, read_url

__all__ = ["postgres_server"]

#: The clocks in Berlin go from 3:00 back to 2:00 at 1:00 UTC.
AROUND_THE_CHANGE = [f"2026-10-25T0{hour}:30:00Z" for hour in range(4)]
IN_UTC = [text.replace("Z", "+00:00") for text in AROUND_THE_CHANGE]


@pytest.fixture(autouse=True)
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def berlin_url(postgres_server: str) -> Iterator[str]:
    """A database whose sessions are in the zone of Berlin, with dates in a style of its own."""
    name = f"dripline_{uuid.uuid4().hex[:10]}"
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET timezone = 'Europe/Berlin'")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET intervalstyle = 'iso_8601'")
    try:
        yield sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'times.sqlite'}"
    found: str = request.getfixturevalue("berlin_url")
    return found


class Laboratory(Service):
    """A service with a table of times; the last column has a default."""

    def __init__(self, url: str, column: str, default: str = "CURRENT_TIMESTAMP") -> None:
        Service.__init__(self, "laboratory", make_connection=False)
        self.engine = make_engine(read_url(url))
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f"CREATE TABLE runs (started {column} PRIMARY KEY, number integer, day date, note text, "
                f"made {column} DEFAULT {default})"
            )
        names = ["started", "number", "day", "note", "made"]
        self.runs = SQLTable(name="runs", table_name="runs", optional_insert_names=names)
        self.add_child(self.runs)

    def select(self, *names: str, **conditions: Any) -> list[Any]:
        """Rows in the order of their numbers; of a single column its values."""
        rows = self.runs.do_select(list(names), order_by="number", **conditions)[1]
        return [row[0] for row in rows] if len(names) == 1 else rows


@pytest.fixture(params=["timestamp", "timestamp with time zone"])
def laboratory(url: str, request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    """Its table, with each kind of column."""
    laboratory = Laboratory(url, request.param)
    yield laboratory
    laboratory.engine.dispose()


@pytest.fixture
def textual(tmp_path: Path) -> Iterator[Laboratory]:
    """SQLite, where a laboratory may keep times as texts."""
    laboratory = Laboratory(f"sqlite:///{tmp_path / 'texts.sqlite'}", "text")
    yield laboratory
    laboratory.engine.dispose()


def test_no_row_is_lost_when_summer_time_ends(laboratory):
    """Two hours of the same name on the clocks are two hours."""
    for number, text in enumerate(AROUND_THE_CHANGE):
        laboratory.runs.do_insert(started=text, number=number)
    assert laboratory.select("started") == IN_UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-10-25T00:30:00Z",
        "2026-10-25 00:30:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25 01:30:00+01",
        datetime(2026, 10, 25, 0, 30),
        datetime(2026, 10, 25, 9, 30, tzinfo=timezone(timedelta(hours=9))),
    ],
    ids=str,
)
def test_a_time_in_any_form_is_the_same_moment(laboratory, value):
    """Inserted as well as in conditions; without a zone it is UTC."""
    laboratory.runs.do_insert(started=value, number=1)
    assert laboratory.select("started") == [IN_UTC[0]]
    for text in (AROUND_THE_CHANGE[0], value):
        assert laboratory.select("number", where_eq_dict={"started": text}) == [1]
        assert laboratory.select("number", where_gt_dict={"started": text}) == []
        assert laboratory.select("number", where_lt_dict={"started": text}) == []


def test_conditions_compare_moments(laboratory):
    """Whatever the zones in which they are written."""
    for number, text in enumerate(AROUND_THE_CHANGE):
        laboratory.runs.do_insert(started=text, number=number)
    between = {
        "where_gt_dict": {"started": "2026-10-25T02:30:00+02:00"},
        "where_lt_dict": {"started": datetime(2026, 10, 25, 3, 30)},
    }
    assert laboratory.select("number", **between) == [1, 2]


def test_a_default_of_the_database_is_utc(laboratory):
    """As the times of messages are."""
    laboratory.runs.do_insert(started=AROUND_THE_CHANGE[0], number=1)
    (made,) = laboratory.select("made")
    assert abs(datetime.fromisoformat(made) - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert laboratory.select("made", where_eq_dict={"made": made}) == [made]


def test_default_insert_values_and_returned_columns_are_utc(laboratory):
    """Like values that are given."""
    values = {"started": "2026-10-25T02:30:00+02:00", "number": 1}
    table = SQLTable(
        name="t", table_name="runs", default_insert_values=values, optional_insert_names=["note"],
        return_col_names=["started"],
    )  # fmt: skip
    laboratory.add_child(table)
    assert table.do_insert() == {"started": IN_UTC[0]}


def test_the_day_of_a_time_is_that_in_utc(laboratory):
    """A date stays as it is."""
    days = ["2026-10-25T00:30:00+02:00", "2026-10-25", datetime(2026, 10, 25, 12), date(2026, 10, 25)]
    for number, day in enumerate(days):
        laboratory.runs.do_insert(started=AROUND_THE_CHANGE[number], number=number, day=day)
    assert laboratory.select("day") == ["2026-10-24", "2026-10-25", "2026-10-25", "2026-10-25"]
    assert laboratory.select("number", where_lt_dict={"day": "2026-10-25"}) == [0]


def test_times_that_others_wrote_as_texts_are_compared_as_times(textual):
    """With or without zone, fraction and T; other texts are compared as texts."""
    texts = ["2026-10-25 00:30:00", "2026-10-25T01:30:00Z", "2026-10-25 03:30:00.000+01:00", "unknown"]
    for number, text in enumerate(texts):
        textual.runs.do_insert(started=text, number=number, note="2026")
    assert textual.select("started") == texts
    for number, text in enumerate(AROUND_THE_CHANGE[:3]):
        assert textual.select("number", where_eq_dict={"started": text}) == [number]
    assert textual.select("number", where_lt_dict={"started": "2026-10-25T02:00:00Z"}) == [0, 1]
    assert textual.select("number", where_eq_dict={"started": "unknown"}) == [3]
    assert textual.select("number", where_eq_dict={"note": "2026"}) == [0, 1, 2, 3]


def test_a_text_that_is_not_a_time_does_not_fail_the_query(tmp_path):
    """SQLite keeps any text in a column of times."""
    laboratory = Laboratory(f"sqlite:///{tmp_path / 'x.sqlite'}", "timestamp")
    with laboratory.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (started, number) VALUES ('soon', 1), ('2026-10-25T00:30Z', 2)"
        )
    assert laboratory.select("started") == ["soon", IN_UTC[0]]
    laboratory.engine.dispose()


def test_infinite_times_are_the_last_and_the_first(berlin_url):
    """As psycopg2 has them; other rows are not lost to them."""
    laboratory = Laboratory(berlin_url, "timestamp")
    laboratory.runs.do_insert(started="infinity", number=1, day="-infinity")
    laboratory.runs.do_insert(started=AROUND_THE_CHANGE[0], number=2)
    assert laboratory.select("started") == ["9999-12-31T23:59:59.999999+00:00", IN_UTC[0]]
    laboratory.engine.dispose()


@pytest.mark.parametrize("column", ["timestamp", "timestamptz"])
def test_a_logger_of_alerts_loses_none_at_the_change(berlin_url, column, tmp_path, monkeypatch):
    """Nor does it write them in another zone."""
    monkeypatch.chdir(tmp_path)
    engine = make_engine(read_url(berlin_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE readings (timestamp {column} PRIMARY KEY, value float8)")
    table = {
        "name": "readings", "module": "SQLTable", "table_name": "readings",
        "required_insert_names": ["timestamp", {"column": "value", "payload_key": "value_raw"}],
    }  # fmt: skip
    logger = PostgresSensorLogger(
        "readings", name="logger", make_connection=False, database_name="x", database_server="y", endpoints=[table]
    )
    logger.engine = engine
    for number, text in enumerate(AROUND_THE_CHANGE):
        logger.process_payload(MsgAlert.create({"value_raw": number}, "x").payload, {}, text)
    assert logger.sync_children["readings"].do_select(order_by="value")[1] == [
        [text, float(number)] for number, text in enumerate(IN_UTC)
    ]
    engine.dispose()


def test_the_table_of_the_sensor_logger_is_searched_by_time(url, tmp_path):
    """Also on SQLite, where its times are texts."""
    logger = SensorLogger(
        name="logger", make_connection=False, database_url=url, spool_directory=str(tmp_path / "spool")
    )
    before = datetime.now(timezone.utc)
    logger.on_alert_message(MsgAlert.create({"value_raw": 1}, "sensor_value.x"))
    logger.stop()
    service = Service("reader", make_connection=False)
    service.engine = logger.engine
    table = SQLTable(name="values", table_name="sensor_values")
    service.add_child(table)
    for direction, moment, count in (("gt", -1, 1), ("gt", 1, 0), ("lt", 1, 1), ("lt", -1, 0)):
        time_then = (before + timedelta(minutes=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = table.do_select("value_raw", **{f"where_{direction}_dict": {"timestamp": time_then}})[1]
        assert len(found) == count, (direction, moment)
    service.engine.dispose()


def test_a_file_can_be_read_by_other_programs(tmp_path):
    """The times in it are UTC, in SQLite's own form."""
    laboratory = Laboratory(f"sqlite:///{tmp_path / 'v.sqlite'}", "timestamp")
    laboratory.runs.do_insert(started="2026-10-25T02:30:00+02:00", number=1)
    laboratory.engine.dispose()
    connection = sqlite3.connect(tmp_path / "v.sqlite")
    assert connection.execute("SELECT strftime('%H:%M', started) FROM runs").fetchone() == ("00:30",)
    connection.close()


@pytest.mark.parametrize("text", ["2026-10-25 00:30:00+00", "2026-10-25T02:30+0200", "2026-10-25T00:30:00.0Z"])
def test_offsets_and_fractions_are_read_on_every_python(text):
    """As databases write them."""
    assert read_time(text) == datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
