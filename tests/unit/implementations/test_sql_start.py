"""What is wrong with a database when a logger starts, without a broker: told in one line, with the remedy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url
from support.waiting import eventually

import scarab
from dripline.errors import ConfigurationError, DriplineError
from dripline.implementations import PostgresSensorLogger, SensorLogger
from dripline.implementations.storage.database import DatabaseAway, DatabaseUnfit, make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink

__all__ = ["postgres_server", "postgres_url"]

READINGS = {
    "name": "readings_table",
    "module": "SQLTable",
    "table_name": "readings",
    "required_insert_names": ["timestamp", {"column": "cal", "payload_key": "value_cal"}],
    "optional_insert_names": ["memo"],
    "default_insert_values": {"run": 0},
}


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    """A database without tables."""
    engine = make_engine(read_url(postgres_url))
    yield engine
    engine.dispose()


def make_readings(
    engine: sa.Engine, columns: str = "timestamp timestamptz, cal float8, memo text, run int"
) -> None:
    """Make the table."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE readings ({columns})")


def logger_on(engine: sa.Engine, folder: Path, **endpoint: Any) -> PostgresSensorLogger:
    """A logger with one table."""
    logger = PostgresSensorLogger(
        name="lab",
        make_connection=False,
        insertion_table_endpoint_name="readings_table",
        database_name="lab",
        database_server="localhost",
        spool_directory=str(folder / "spool"),
        endpoints=[{**READINGS, **endpoint}],
    )
    logger.engine = engine
    return logger


def start_tells(logger: PostgresSensorLogger | SensorLogger, text: str) -> None:
    """The start ends with one line, and leaves nothing behind."""
    with pytest.raises(ConfigurationError, match=text) as told:
        logger.start()
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


def starts(logger: PostgresSensorLogger | SensorLogger) -> None:
    """Nothing is wrong but that there is no broker."""
    with pytest.raises(DriplineError, match="make_connection=False"):
        logger.start()


def test_a_table_that_is_right_is_taken(engine, tmp_path):
    """Whatever else it holds."""
    make_readings(engine)
    starts(logger_on(engine, tmp_path))


def test_a_missing_table_is_told_with_the_nearest_name(engine, tmp_path):
    """Not when the first row is lost to it."""
    start_tells(logger_on(engine, tmp_path), r"readings_table: there is no table 'readings' in .*; make it, or")
    make_readings(engine)
    start_tells(logger_on(engine, tmp_path, table_name="reading"), "'reading' in .*; did you mean 'readings'")


@pytest.mark.parametrize(
    ("endpoint", "missing"),
    [
        ({"required_insert_names": ["nonsense"]}, "nonsense"),
        ({"optional_insert_names": [{"column": "gone", "payload_key": "cal"}]}, "gone"),
        ({"default_insert_values": {"runs": 1}}, "runs"),
        ({"return_col_names": ["id"]}, "id"),
    ],
)
def test_missing_columns_are_told_beside_those_that_are_there(engine, tmp_path, endpoint, missing):
    """Of all that an endpoint names."""
    make_readings(engine)
    text = f"readings_table: the table readings has no column {missing}; it has timestamp, cal, memo, run; add it"
    start_tells(logger_on(engine, tmp_path, **endpoint), text)


def test_an_endpoint_that_takes_no_rows_is_told(engine, tmp_path):
    """An endpoint of another kind."""
    start_tells(
        logger_on(engine, tmp_path, module="Endpoint"), "readings_table is of class Endpoint and takes no rows"
    )


def test_any_key_of_a_payload_may_come(engine, tmp_path):
    """Those that are no columns are left out."""
    make_readings(engine)
    payload = scarab.to_param({"value_cal": 1, "self": 2, "values": 3, "": 4, "a b": 5})
    logger_on(engine, tmp_path).process_payload(payload, {"self": "x"}, "2026-01-31T12:00:00Z")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT cal, memo, run FROM readings").all() == [(1.0, None, 0)]


def test_a_table_that_is_only_read_need_not_be_there(engine, tmp_path):
    """A laboratory may make it later."""
    make_readings(engine)
    logger = logger_on(engine, tmp_path)
    logger.add_child(
        logger.create_object({"name": "later", "module": "SQLTable", "table_name": "later"}, "Endpoint")
    )
    starts(logger)


@pytest.fixture
def poor(engine: sa.Engine, postgres_url: str) -> Iterator[sa.Engine]:
    """The same database for a user that may do nothing there."""
    user, schema = f"dripline_{uuid.uuid4().hex[:8]}", read_url(postgres_url).query["options"].partition("=")[2]
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
    poor = make_engine(read_url(postgres_url).set(username=user))
    yield poor
    poor.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {user}")
        connection.exec_driver_sql(f"DROP ROLE {user}")


def test_a_missing_permission_is_told_with_the_statement_that_gives_it(engine, poor, tmp_path):
    """A permission for the columns is enough; nothing is inserted to find out."""
    make_readings(engine)
    user = poor.url.username
    start_tells(
        logger_on(poor, tmp_path), f"permission denied for table readings.*; GRANT INSERT ON readings TO {user}"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"GRANT INSERT (timestamp, cal, memo, run) ON readings TO {user}")
    starts(logger_on(poor, tmp_path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM readings").scalar() == 0


def test_what_is_wrong_after_an_absence_is_told_then(engine, tmp_path):
    """The database was away at the start; its table is wrong when it is back, and right later."""
    logger = logger_on(engine, tmp_path)
    sink = DatabaseSink(lambda: engine, logger._dripline_destinations(), "lab")
    with pytest.raises(DatabaseUnfit, match="there is no table 'readings'"):
        sink.look()
    make_readings(engine, "timestamp timestamptz, cal float8, memo text")
    with pytest.raises(DatabaseUnfit, match="has no column run"):
        sink.look()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE readings ADD COLUMN run int")
    sink.look()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"username": "nobody_of_dripline", "password": "secret"}, "does not exist; correct name and password"),
        ({"database": "nothing_of_dripline"}, "does not exist; make the database, or name another"),
    ],
)
def test_a_login_or_database_that_is_refused_ends_the_start(postgres_server, tmp_path, change, text):
    """The server is there, and waiting does not help."""
    url = read_url(postgres_server).set(**change).render_as_string(hide_password=False)
    start_tells(
        SensorLogger(name="l", make_connection=False, database_url=url, spool_directory=str(tmp_path / "spool")),
        text,
    )


def test_a_schema_that_is_not_there_ends_the_start(postgres_url, tmp_path):
    """Nobody makes it by itself."""
    logger = SensorLogger(
        name="l", make_connection=False, database_url=postgres_url, schema="none_of_dripline",
        spool_directory=str(tmp_path / "spool"),
    )  # fmt: skip
    start_tells(logger, 'schema "none_of_dripline" does not exist; make the schema, or name another')


def test_a_table_that_may_not_be_made_ends_the_start(poor, tmp_path):
    """The user may not make tables there."""
    logger = SensorLogger(name="l", make_connection=False, spool_directory=str(tmp_path / "spool"))
    logger.engine = poor
    start_tells(logger, "permission denied for schema .*; grant it to the database's user")


def test_a_database_that_is_away_is_waited_for_from_the_start(tmp_path, caplog):
    """Nobody listens there; the logger goes on, and says so."""
    engine = make_engine(read_url("postgresql://nobody@127.0.0.1:1/none"))
    starts(logger_on(engine, tmp_path))
    assert caplog.text.count("lab: the database is away") == 1
    with pytest.raises(DatabaseAway, match="refused") as away:
        DatabaseSink(lambda: engine, logger_on(engine, tmp_path)._dripline_destinations(), "lab").look()
    assert not isinstance(away.value, DatabaseUnfit)
    assert eventually(lambda: engine.pool.checkedout() == 0)
    engine.dispose()
