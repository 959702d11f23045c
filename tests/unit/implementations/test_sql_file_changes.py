"""SQLite files that are moved, deleted, replaced or overwritten under a writer: no row is lost that was let go."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.file_changes import (
    deleted,
    emptied,
    moved,
    moved_with_everything,
    numbers_in,
    overwritten,
    replaced,
    replaced_by_a_link,
)
from support.waiting import eventually

from dripline.implementations.storage import sqlite_file as sqlite_file_module
from dripline.implementations.storage.batch_writer import BatchWriter, Pace
from dripline.implementations.storage.columns import now
from dripline.implementations.storage.database import DatabaseAway, DatabaseBusy, make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import DeadLetters, Row
from dripline.implementations.storage.sqlite_file import SqliteFile
from dripline.implementations.storage.tables import SensorTable
from dripline.runtime.spool import Spool


def row(number: int) -> Row:
    """A numbered row."""
    values = {
        "timestamp": now(), "sensor_name": "s", "value_raw": number, "value_cal": None, "memo": None,
        "payload": {}, "routing_key": "k", "sender": "x",
    }  # fmt: skip
    return Row("sensor_values", values, f"id-{number}", number)


def rows(*numbers: int) -> list[Row]:
    """Numbered rows."""
    return list(map(row, numbers))


class Database:
    """A sink for a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = make_engine(sa.URL.create("sqlite", database=str(path)))
        table = SensorTable("sensor_values", None, lambda: self.engine)
        self.sink = DatabaseSink(lambda: self.engine, table, "logger")

    def write(self, *numbers: int) -> None:
        """Write rows; waits until a file that was overwritten is used again."""
        assert eventually(lambda: self._written(numbers))

    def _written(self, numbers: tuple[int, ...]) -> bool:
        try:
            assert self.sink.write(rows(*numbers)) == []
        except DatabaseBusy:
            return False
        return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "values with # % ?.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A sink."""
    database = Database(path)
    yield database
    database.sink.close()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Another program in a long transaction, as a notebook has it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sensor_values").fetchone()
    try:
        yield
    finally:
        connection.close()


CHANGES = [moved, deleted, moved_with_everything, replaced, replaced_by_a_link, overwritten, emptied]


@pytest.mark.parametrize("change", CHANGES)
def test_rows_are_in_the_file_at_the_path_after_a_change(database, path, change, caplog):
    """The earlier rows are in the earlier file, the later ones in the new one; the change is logged once."""
    aside = path.with_name("aside")
    database.write(1, 2)
    change(path, aside)
    database.write(3, 4)
    database.write(5)
    assert numbers_in(aside) == [1, 2]
    assert numbers_in(path) == [3, 4, 5]
    assert caplog.text.count("since its last checkpoint are written again") == 1
    if change in (replaced, overwritten):
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*), sum(n) FROM mine").fetchone() == (1000, 499500)
        connection.close()


class Interrupted(SqliteFile):
    """Has something happen to the file between the commit and the look before the checkpoint."""

    happens: Callable[[], None] | None = None

    def settle(self) -> None:
        """Once."""
        happens, self.happens = self.happens, None
        if happens is not None and self._pending:
            happens()
        elif happens is not None:
            self.happens = happens
        super().settle()


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_are_only_in_the_log_are_written_again(database, path, change, monkeypatch, caplog):
    """The worst moment: committed, and the checkpoint has not begun. No file is damaged."""
    monkeypatch.setattr("dripline.implementations.storage.database_sink.SqliteFile", Interrupted)
    aside = path.with_name("aside")
    database.write(1, 2)
    database.sink._file.happens = lambda: change(path, aside)
    database.write(3, 4)
    assert numbers_in(path) == [3, 4]
    assert set(numbers_in(aside)) >= {1, 2}
    assert caplog.text.count("since its last checkpoint are written again") == 1
    if change in (replaced, overwritten):
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*), sum(n) FROM mine").fetchone() == (1000, 499500)
        connection.close()


@pytest.mark.parametrize("how", [shutil.copy, lambda backup, path: os.replace(backup, path)])
def test_an_older_copy_of_the_same_database_is_another_file(database, path, how, caplog):
    """A backup that is restored lacks rows; the generation shows it."""
    backup = path.with_name("backup")
    database.write(1)
    shutil.copy(path, backup)
    database.write(2)
    how(backup, path)
    database.write(3)
    assert numbers_in(path) == [1, 3]
    assert caplog.text.count("since its last checkpoint are written again") == 1


def test_a_backup_that_sqlite_restores_is_noticed_as_well(database, path, caplog):
    """It goes through the log, and the file stays the same."""
    database.write(1)
    backup = sqlite3.connect(path.with_name("backup"))
    live = sqlite3.connect(path)
    live.backup(backup)
    database.write(2)
    backup.backup(live)
    live.close()
    backup.close()
    database.write(3)
    database.write(4)
    assert numbers_in(path) == [1, 3, 4]
    assert caplog.text.count("since its last checkpoint are written again") == 1


def test_a_log_that_somebody_deletes_takes_no_row_with_it(database, path):
    """Rows are in the file already; other programs find the new log."""
    database.write(1)
    for number in (2, 3, 4):
        path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        database.write(number)
    assert numbers_in(path) == [1, 2, 3, 4]
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM sensor_values").fetchone() == (4,)
    other.close()


def test_a_reader_in_a_long_transaction_keeps_rows_waiting_and_nothing_is_written_twice(database, path):
    """As long as rows are only in the log they do not count as written."""
    database.write(1)
    with reading(path):
        for _ in range(2):
            with pytest.raises(DatabaseBusy, match="being read by another program"):
                database.sink.write(rows(2, 3))
        with pytest.raises(DatabaseBusy):
            database.sink.look()
    database.sink.look()
    database.write(2, 3, 4)
    assert numbers_in(path) == [1, 2, 3, 4]


@pytest.mark.parametrize("change", [moved, replaced, overwritten])
def test_a_file_that_changes_while_a_reader_holds_the_log(database, path, change):
    """What was only in the log is written to the file at the path; that file is not damaged."""
    database.write(1)
    with reading(path):
        with pytest.raises(DatabaseBusy):
            database.sink.write(rows(2))
        change(path, path.with_name("aside"))
        if change is not overwritten:  # a reader of an overwritten file goes by a log that is not its own
            database.write(2, 3)
    database.write(2, 3)
    assert numbers_in(path) == [2, 3]


def test_a_log_that_was_left_behind_while_no_logger_ran_is_kept(path, caplog):
    """After a crash the file was moved without it: a new file does not take it; the moved one can have it back."""
    aside = path.with_name("aside")
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("PRAGMA journal_mode=WAL")
    first.execute("CREATE TABLE sensor_values (id INTEGER PRIMARY KEY, value_raw REAL)")
    first.execute("INSERT INTO sensor_values (value_raw) VALUES (1), (2)")
    moved(path, aside)
    log = path.with_name(f"{path.name}-wal")
    database = Database(path)
    database.write(3)
    database.sink.close()
    first.close()
    assert numbers_in(path) == [3]
    assert "was moved away without it" in caplog.text
    log.with_name(f"{log.name}.1").rename(aside.with_name("aside-wal"))
    assert numbers_in(aside, with_log=True) == [1, 2]


def test_other_programs_that_write_the_same_file_lose_nothing(database, path):
    """A laboratory's own table in the file, written and checkpointed by its own program meanwhile."""
    database.write(0)
    done = threading.Event()
    counted = 0

    def write() -> None:
        nonlocal counted
        other = sqlite3.connect(path, timeout=20, isolation_level=None)
        other.execute("CREATE TABLE own (n INTEGER)")
        other.execute("PRAGMA wal_autocheckpoint=3")
        while not done.is_set():
            other.execute("INSERT INTO own VALUES (1)")
            counted += 1
        other.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(1, 60):
            assert eventually(lambda number=number: _tried(database, number))
    finally:
        done.set()
        thread.join()
    database.write(60)
    assert numbers_in(path) == list(range(61))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM own").fetchone() == (counted,)
    connection.close()


def _tried(database: Database, number: int) -> bool:
    try:
        return database.sink.write(rows(number)) == []
    except DatabaseAway:  # locked
        return False


def test_a_query_that_runs_is_waited_for_before_a_changed_file_is_left(database, path):
    """Its connection would take the log of the new file for its own."""
    database.write(1)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        moved(path, path.with_name("aside"))
        with pytest.raises(DatabaseBusy, match="has to end first"):
            database.sink.write(rows(2))
    database.write(2)
    assert numbers_in(path) == [2]


def test_a_file_that_is_still_being_copied_is_left_alone(database, path):
    """It is used when nobody has written it for a second; it holds all that was copied."""
    other = path.with_name("other")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (text TEXT)")
        connection.executemany("INSERT INTO mine VALUES (?)", [("x" * 1000,) for _ in range(1000)])
    connection.close()
    database.write(1)
    content = other.read_bytes()
    with path.open("r+b") as file:
        file.truncate(0)
        for start in range(0, len(content), 200_000):
            file.write(content[start : start + 200_000])
            file.flush()
            with pytest.raises(DatabaseBusy, match=r"was overwritten|cannot be read"):
                database.sink.write(rows(2))
    database.write(2)
    assert numbers_in(path) == [2]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (1000,)
    connection.close()


def test_open_files_do_not_become_more(database, path):
    """Each look at the file opens it."""
    for number in range(5):
        database.write(number)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5, 100):
        database.write(number)
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "WAL"])
def test_an_engine_that_a_laboratory_made_is_watched_as_well(path, mode):
    """Whatever its journal."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode={mode}")
    table = SensorTable("sensor_values", None, lambda: engine)
    sink = DatabaseSink(lambda: engine, table, "logger")
    sink.write(rows(1, 2))
    path.rename(path.with_name("aside"))
    sink.write(rows(3))
    sink.close()
    assert numbers_in(path.with_name("aside")) == [1, 2]
    assert numbers_in(path) == [3]


def test_a_relative_path_means_the_folder_in_which_the_engine_was_made(path, monkeypatch):
    """Wherever the process goes later."""
    monkeypatch.chdir(path.parent)
    engine = make_engine(read_url("sqlite:///relative.sqlite"))
    monkeypatch.chdir(path.parents[1])
    sink = DatabaseSink(lambda: engine, SensorTable("sensor_values", None, lambda: engine), "logger")
    assert sink.write(rows(1)) == []
    sink.close()
    assert numbers_in(path.with_name("relative.sqlite")) == [1]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:m?mode=memory&uri=true"])
def test_a_database_in_memory_has_no_file(url):
    """A laboratory's own engine, in its tests."""
    engine = sa.create_engine(url, poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    sink = DatabaseSink(lambda: engine, SensorTable("sensor_values", None, lambda: engine), "logger")
    assert sink.write(rows(1)) == []
    engine.dispose()


# -- away, and back ------------------------------------------------------------------------------------------


def a_folder(path: Path) -> Callable[[], None]:
    """The path becomes a folder."""
    path.rename(path.with_name("aside"))
    path.mkdir()
    return path.rmdir


def no_folder(path: Path) -> Callable[[], None]:
    """The folder of the database is deleted."""
    shutil.copy(path, path.parents[1] / "aside")
    shutil.rmtree(path.parent)
    return path.parent.mkdir


def no_database(path: Path) -> Callable[[], None]:
    """Somebody copies something else there."""
    path.write_bytes(b"no database, whatever you may think of it" * 1000)
    return path.unlink


@pytest.mark.parametrize("change", [a_folder, no_folder, no_database])
def test_a_path_that_takes_no_database_is_away_until_it_does(database, path, change, tmp_path, caplog):
    """Rows wait on disk, each line comes once, and all rows are there in the end."""
    writer, given_back = started(database, tmp_path)
    for number in range(3):
        writer.put(row(number))
    assert eventually(lambda: sorted(given_back) == [0, 1, 2])
    back = change(path)
    for number in range(3, 8):
        writer.put(row(number))
    assert eventually(lambda: writer.report()["database"] != "ok")
    assert eventually(lambda: writer.report()["on_disk"] == 5)
    assert eventually(lambda: "the database is away" in caplog.text or "there, but takes" in caplog.text)
    assert sorted(given_back) == list(range(8))
    back()
    assert eventually(lambda: numbers_in(path) == [3, 4, 5, 6, 7])
    assert eventually(lambda: writer.report()["database"] == "ok")
    writer.close(5)
    assert writer.report()["written"] == 8
    assert caplog.text.count("the database is away") == caplog.text.count("the database is back") == 1


def started(database: Database, folder: Path, **pace: Any) -> tuple[BatchWriter, list[int]]:
    """A writer, and the tokens that it gives back."""
    given_back: list[int] = []
    spool = folder / "spool"
    writer = BatchWriter(
        database.sink, Spool(spool), DeadLetters(spool / "refused.jsonl", "logger"), given_back.extend, "logger",
        Pace(batch_rows=10, batch_age_s=0.02, memory_rows=50, spool_after_s=0.1)._replace(**pace),
    )  # fmt: skip
    writer.start()
    return writer, given_back


def test_while_a_reader_blocks_rows_go_to_disk_and_acknowledgement_goes_on(database, path, tmp_path, caplog):
    """A notebook's transaction is no reason for a log line, unless it lasts."""
    writer, given_back = started(database, tmp_path, reorder_after_s=1.5)
    writer.put(row(0))
    assert eventually(lambda: given_back == [0])
    with reading(path):
        for number in range(1, 100):
            writer.put(row(number))
        assert eventually(lambda: sorted(given_back) == list(range(100)))
        assert "being read by another program" in writer.report()["database"]
        assert writer.report()["written"] == 1
    assert eventually(lambda: writer.report()["written"] == 100)
    writer.close(5)
    assert sorted(numbers_in(path)) == list(range(100))
    assert "away" not in caplog.text


@contextmanager
def no_larger_files(size: int) -> Iterator[None]:
    """A disk that is full for a file of this size, and takes smaller ones."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full_in_the_middle_of_a_checkpoint_loses_nothing(database, path, tmp_path, caplog):
    """The file is torn then, and the log has the rest: it is not taken for another file, and mended later."""
    database.write(*range(2000))
    writer, given_back = started(database, tmp_path, batch_rows=100)
    with no_larger_files(path.stat().st_size + 4096):
        for number in range(2000, 2300):
            writer.put(row(number))
        assert eventually(lambda: sorted(given_back) == list(range(2000, 2300))), writer.report()
        assert eventually(lambda: "database" in caplog.text)
        assert writer.report()["written"] < 300
    assert eventually(lambda: writer.report()["written"] == 300), writer.report()
    writer.close(5)
    assert numbers_in(path) == list(range(2300))
    assert caplog.text.count("the database is away") == caplog.text.count("the database is back") == 1
    assert "overwritten" not in caplog.text


def test_a_disk_that_is_full_while_rows_are_inserted_loses_nothing(database, path, tmp_path, caplog):
    """The log does not grow either."""
    full = threading.Event()
    full.set()
    writer, given_back = started(database, tmp_path)
    writer.put(row(0))
    assert eventually(lambda: given_back == [0])
    database.engine.dispose()

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages if full.is_set() else 1 << 30}")

    sa.event.listen(database.engine, "connect", limit)
    for number in range(1, 100):
        writer.put(row(number))
    assert eventually(lambda: len(given_back) >= 90)
    assert eventually(lambda: "full" in writer.report()["database"])
    full.clear()
    assert eventually(lambda: writer.report()["written"] == 100)
    writer.close(5)
    assert numbers_in(path) == list(range(100))


def test_the_table_of_generations_stays_small(path, monkeypatch):
    """Programs that ended leave a row each."""
    monkeypatch.setattr(sqlite_file_module, "_PRUNE", sqlite_file_module._PRUNE.replace("1000", "5"))
    for number in range(12):
        database = Database(path)
        database.write(number)
        database.sink.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM dripline_writers").fetchone()[0] <= 7
    connection.close()
