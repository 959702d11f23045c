"""What happens to a table of PostgreSQL while rows are written: it is renamed, or rows meet other transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from support.databases import database_url, postgres_server, postgres_url, sqlite_url
from support.waiting import eventually

from dripline.implementations.storage.columns import now
from dripline.implementations.storage.database import DatabaseAway, make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import Row
from dripline.implementations.storage.tables import Destination, SensorTable

from .one_table import OneTable

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


def sensor_row(number: int) -> Row:
    """A numbered row of the sensor logger."""
    values = {
        "timestamp": now(), "sensor_name": "s", "value_raw": number, "value_cal": None, "memo": None,
        "payload": {}, "routing_key": "k", "sender": "x",
    }  # fmt: skip
    return Row("sensor_values", values, f"id-{number}")


class Archive:
    """A database with a sensor logger's table, which an administrator renames."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(read_url(url))

    def run(self, statement: str) -> None:
        """As the administrator."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def sink(self) -> DatabaseSink:
        """As a logger that has just started."""
        return DatabaseSink(lambda: self.engine, SensorTable("sensor_values", None, lambda: self.engine), "logger")

    def numbers(self, table: str) -> list[float]:
        """What a table holds."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(f"SELECT value_raw FROM {table} ORDER BY id")).scalars())


@pytest.fixture
def archive(database_url: str) -> Iterator[Archive]:
    """Each kind of database."""
    archive = Archive(database_url)
    yield archive
    archive.engine.dispose()


def written(sink: DatabaseSink, *numbers: int) -> None:
    """Write rows, in a second attempt if the table is missing in the first."""
    rows = list(map(sensor_row, numbers))
    try:
        assert sink.write(rows) == []
    except DatabaseAway:
        assert sink.write(rows) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_table_that_was_renamed_is_made_again(archive, restarted):
    """Year after year, though archived tables keep the names of their indexes; while it runs, and at its start."""
    sink = archive.sink()
    written(sink, 0)
    for year in (2024, 2025, 2026):
        archive.run(f"ALTER TABLE sensor_values RENAME TO sensor_values_{year}")
        sink = archive.sink() if restarted else sink
        written(sink, year, year + 100)
    assert archive.numbers("sensor_values_2024") == [0]
    assert archive.numbers("sensor_values_2025") == [2024, 2124]
    assert archive.numbers("sensor_values_2026") == [2025, 2125]
    assert archive.numbers("sensor_values") == [2026, 2126]
    with archive.engine.connect() as connection:
        for table in ("sensor_values", "sensor_values_2024", "sensor_values_2025", "sensor_values_2026"):
            indexes = sa.inspect(connection).get_indexes(table)
            assert ["sensor_name", "timestamp"] in [index["column_names"] for index in indexes]


def test_a_table_that_6_0_0_made_can_be_renamed(archive):
    """Its index has the name that was used then."""
    sink = archive.sink()
    written(sink, 0)
    archive.run("CREATE INDEX ix_sensor_values_sensor_name_timestamp ON sensor_values (sensor_name, timestamp)")
    archive.run("ALTER TABLE sensor_values RENAME TO archived")
    written(archive.sink(), 1)
    assert (archive.numbers("archived"), archive.numbers("sensor_values")) == ([0], [1])


def test_a_table_of_the_same_columns_without_the_constraint_is_waited_for(archive):
    """Somebody made it by hand; no row is to blame."""
    sink = archive.sink()
    written(sink, 0)
    archive.run("ALTER TABLE sensor_values RENAME TO archived")
    archive.run("CREATE TABLE sensor_values AS SELECT * FROM archived")
    for _ in range(2):
        with pytest.raises(DatabaseAway, match="ON CONFLICT"):
            sink.write([sensor_row(1)])
    archive.run("CREATE UNIQUE INDEX mended ON sensor_values (message_id)")
    written(sink, 1)


@pytest.fixture
def plain(postgres_url: str) -> Iterator[tuple[sa.Engine, sa.Table]]:
    """A table of numbers."""
    engine = make_engine(read_url(postgres_url))
    table = sa.Table(
        "plain",
        sa.MetaData(),
        sa.Column("n", sa.Integer),
        sa.Column("message_id", sa.String(50), unique=True),
    )
    table.create(engine)
    yield engine, table
    engine.dispose()


def numbered(*numbers: int) -> list[Row]:
    """Rows for it."""
    return [Row("plain", {"n": number}, f"id-{number}") for number in numbers]


def numbers_of(engine: sa.Engine) -> list[int]:
    """What it holds."""
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT n FROM plain ORDER BY n")).scalars())


@pytest.mark.parametrize("code", ["40P01", "40001"])
@pytest.mark.parametrize("when", ["BEFORE", "deferred"])
@pytest.mark.parametrize("id_column", ["message_id", None])
def test_one_row_in_a_hundred_that_meets_a_deadlock_does_not_stop_a_batch(plain, code, when, id_column):
    """Batches of 500 are divided; each row is there once. Also if it fails in the commit."""
    engine, table = plain
    trigger = "CREATE TRIGGER odd BEFORE INSERT ON plain"
    if when == "deferred":
        trigger = "CREATE CONSTRAINT TRIGGER odd AFTER INSERT ON plain DEFERRABLE INITIALLY DEFERRED"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF random() < 0.01 THEN "
            f"RAISE EXCEPTION 'a deadlock' USING ERRCODE = '{code}'; END IF; RETURN NEW; END$$"
        )
        connection.exec_driver_sql(f"{trigger} FOR EACH ROW EXECUTE FUNCTION odd()")
    sink = DatabaseSink(lambda: engine, OneTable(Destination(table, id_column)), "logger")
    for start in range(0, 1500, 500):
        assert sink.write(numbered(*range(start, start + 500))) == []
    assert numbers_of(engine) == list(range(1500))


def test_rows_that_always_meet_a_deadlock_are_refused_in_the_end(plain, monkeypatch):
    """All others are written at once, and what follows is written later."""
    monkeypatch.setattr("dripline.implementations.storage.database_sink._CONFLICTS_FOR_S", 0.5)
    engine, table = plain
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF mod(NEW.n, 10) = 7 THEN "
            "RAISE EXCEPTION 'a deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END$$"
        )
        connection.exec_driver_sql("CREATE TRIGGER odd BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION odd()")
    sink = DatabaseSink(lambda: engine, OneTable(Destination(table, "message_id")), "logger")
    rows = numbered(*range(100))
    with pytest.raises(DatabaseAway, match="a deadlock"):
        sink.write(rows)
    good = [number for number in range(100) if number % 10 != 7]
    assert numbers_of(engine) == good
    time.sleep(0.6)
    assert [refusal.row.values["n"] for refusal in sink.write(rows)] == list(range(7, 100, 10))
    assert sink.write(numbered(100)) == []
    assert numbers_of(engine) == [*good, 100]


def test_nothing_is_refused_while_all_rows_meet_a_deadlock(plain, monkeypatch):
    """The database counts as away, after a few rows."""
    monkeypatch.setattr("dripline.implementations.storage.database_sink._CONFLICTS_FOR_S", 0.0)
    engine, table = plain
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
            "RAISE EXCEPTION 'a deadlock' USING ERRCODE = '40P01'; END$$"
        )
        connection.exec_driver_sql("CREATE TRIGGER odd BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION odd()")
    sink = DatabaseSink(lambda: engine, OneTable(Destination(table, "message_id")), "logger")
    for rows in (numbered(*range(100)), numbered(*range(100)), numbered(1)):
        with pytest.raises(DatabaseAway, match="a deadlock"):
            sink.write(rows)


def test_a_deadlock_with_another_session_loses_and_refuses_nothing(plain):
    """Two programs insert the same ids in opposite order, again and again."""
    engine, table = plain
    failures: list[BaseException] = []

    def write(order: Callable[[range], list[int]]) -> None:
        sink = DatabaseSink(lambda: engine, OneTable(Destination(table, "message_id")), "logger")
        for start in range(0, 200, 20):
            rows = numbered(*order(range(start, start + 20)))
            try:
                while True:
                    try:
                        assert sink.write(rows) == []
                        break
                    except DatabaseAway:
                        continue
            except BaseException as error:  # noqa: BLE001  # is looked at below
                failures.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in (list, lambda part: list(part)[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert numbers_of(engine) == list(range(200))


def test_a_batch_that_is_a_victim_each_time_makes_progress_by_smaller_ones(plain):
    """Another session holds one of its rows, and wants one that the batch has inserted."""
    engine, table = plain
    sink = DatabaseSink(lambda: engine, OneTable(Destination(table, "message_id")), "logger")
    holds = threading.Event()

    def other() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET deadlock_timeout = '60s'")  # the batch is the one that is ended
            connection.commit()
            connection.execute(table.insert(), [{"n": 9, "message_id": "id-9"}])
            holds.set()
            assert eventually_waits(engine)
            connection.execute(table.insert(), [{"n": 0, "message_id": "id-0"}])
            connection.commit()

    thread = threading.Thread(target=other)
    thread.start()
    assert holds.wait(30)
    assert sink.write(numbered(*range(10))) == []
    thread.join(60)
    assert numbers_of(engine) == list(range(10))


def eventually_waits(engine: sa.Engine) -> bool:
    """Whether a session waits for another one."""
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
    with engine.connect() as connection:
        return eventually(lambda: connection.execute(waits).scalar() or connection.rollback(), 30)
