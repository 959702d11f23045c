"""Batches into real databases: one transaction each, whatever single rows are like."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import database_url, postgres_server, postgres_url, sqlite_url

from dripline.errors import ConfigurationError
from dripline.implementations.storage import tables
from dripline.implementations.storage.database import DatabaseAway, make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import Row
from dripline.implementations.storage.tables import Destination

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


class Tables:
    """Tables by name."""

    def __init__(self) -> None:
        self.known: dict[str, Destination] = {}
        self.forgotten = 0

    def destination(self, name: str) -> Destination:
        """One of them."""
        if name not in self.known:
            raise LookupError(f"no table {name}")
        return self.known[name]

    def look(self) -> None:
        """Nothing is wrong with them."""

    def forget(self) -> None:
        """Count it."""
        self.forgotten += 1


class Base:
    """An engine, tables ``values`` (with ids) and ``plain`` (without), and a sink."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(read_url(url))
        metadata = sa.MetaData()
        self.values = sa.Table(
            "values",
            metadata,
            sa.Column("n", sa.Integer, sa.CheckConstraint("n >= 0"), nullable=False),
            sa.Column("time", sa.DateTime(timezone=True)),
            sa.Column("text", sa.String(10), sa.CheckConstraint("length(text) <= 10")),
            sa.Column("message_id", sa.String(50), unique=True),
        )
        self.plain = sa.Table(
            "plain",
            metadata,
            sa.Column("n", sa.Integer, sa.CheckConstraint("n >= 0"), nullable=False),
            sa.Column("other", sa.Integer),
        )
        metadata.create_all(self.engine)
        self.tables = Tables()
        self.tables.known = {"v": Destination(self.values, "message_id"), "p": Destination(self.plain)}
        self.sink = DatabaseSink(lambda: self.engine, self.tables, "logger")

    def numbers(self, table: str) -> list[int]:
        """What a table holds."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(f'SELECT n FROM "{table}"')).scalars())


@pytest.fixture
def base(database_url: str) -> Iterator[Base]:
    """Tables in each kind of database."""
    base = Base(database_url)
    yield base
    base.engine.dispose()


def row(table: str, n: Any, message_id: str | None = None, **values: Any) -> Row:
    """A row with an id of its own."""
    return Row(table, {"n": n, **values}, message_id or f"id-{n}")


def test_a_batch_is_written(base):
    """Rows of several tables, with different columns, in their order."""
    rows = [row("v", 1), row("p", 2, other=5), row("v", 3, text="x"), row("p", 4)]
    assert base.sink.write(rows) == []
    assert base.numbers("values") == [1, 3]
    assert base.numbers("plain") == [2, 4]


@pytest.mark.parametrize("table", ["v", "p"])
def test_what_comes_again_is_written_once(base, table):
    """In the same batch, in a later one, and after a restart."""
    name = {"v": "values", "p": "plain"}[table]
    assert base.sink.write([row(table, 1, "a"), row(table, 1, "a"), row(table, 2, "b")]) == []
    assert base.sink.write([row(table, 2, "b"), row(table, 3, "c")]) == []
    again = DatabaseSink(lambda: base.engine, base.tables, "logger")
    assert again.write([row(table, 3, "c"), row(table, 4, "d")]) == []
    assert base.numbers(name) == [1, 2, 3, 4]


def test_the_same_id_in_two_tables_is_two_rows(base):
    """An alert may be written to both."""
    assert base.sink.write([row("v", 1, "a"), row("p", 2, "a")]) == []
    assert (base.numbers("values"), base.numbers("plain")) == ([1], [2])


@pytest.mark.parametrize("table", ["v", "p"])
def test_refused_rows_are_found_and_the_others_written(base, table):
    """A constraint, a missing value, a wrong type, a number too large, a column that is not there."""
    wrong = [
        row(table, -1),
        row(table, None, "none"),
        row(table, {"a": 1}, "mapping"),
        row(table, 10**30, "large"),
        row(table, 7, "column", nonsense=1),
    ]
    rows = [row(table, n) for n in range(20)]
    for place, bad in zip((0, 3, 11, 12, 24), wrong, strict=True):
        rows.insert(place, bad)
    refused = base.sink.write(rows)
    assert {refusal.row.message_id for refusal in refused} == {bad.message_id for bad in wrong}
    assert all(refusal.reason and "\n" not in refusal.reason for refusal in refused)
    assert base.numbers({"v": "values", "p": "plain"}[table]) == list(range(20))


def test_values_that_only_one_database_refuses(base):
    """Too long, a text with NUL, half a character, no number: refused or kept, and nothing stops."""
    odd = ["far too long for it", "\0", "\ud800"]
    rows = [row("v", n, text=text) for n, text in enumerate(odd)] + [row("v", "a word", "word"), row("v", 9)]
    refused = base.sink.write(rows)
    assert any("long" in refusal.reason or "length" in refusal.reason for refusal in refused)
    assert len(refused) + len(base.numbers("values")) == len(rows)
    assert 9 in base.numbers("values")


def test_a_row_for_no_table_is_refused(base):
    """Its endpoint was there in an earlier run."""
    refused = base.sink.write([row("gone", 1), row("v", 2)])
    assert [refusal.reason for refusal in refused] == ["no table gone"]
    assert base.numbers("values") == [2]


def test_times_in_texts_are_times(base):
    """Columns of that kind take what messages carry."""
    rows = [
        row("v", n, time=text)
        for n, text in enumerate(["2026-01-31T12:00:00.000001Z", "2026-01-31T13:00:00+01:00"])
    ]
    assert base.sink.write([*rows, row("v", 2, time="no time")])[0].row.values["n"] == 2
    with base.engine.connect() as connection:
        times = connection.execute(sa.select(base.values.c.time).order_by(base.values.c.n)).scalars().all()
    assert [time.minute for time in times] == [0, 0]
    assert times[0].microsecond == 1


def test_a_missing_table_is_waited_for(base):
    """Somebody can make it; the rows are not to blame."""
    missing = sa.Table("missing", sa.MetaData(), sa.Column("n", sa.Integer))
    base.tables.known["m"] = Destination(missing)
    with pytest.raises(DatabaseAway, match="missing"):
        base.sink.write([row("v", 1), row("m", 2)])
    assert base.numbers("values") == []
    assert base.tables.forgotten == 1
    missing.create(base.engine)
    assert base.sink.write([row("v", 1), row("m", 2)]) == []
    assert base.numbers("missing") == [2]


def test_only_the_latest_ids_are_remembered(base, monkeypatch):
    """The table beside the others does not grow for ever."""
    monkeypatch.setattr(tables, "_REMEMBERED", 20)
    monkeypatch.setattr(tables, "_PRUNE_AFTER", 10)
    for start in range(0, 60, 5):
        base.sink.write([row("p", n) for n in range(start, start + 5)])
    with base.engine.connect() as connection:
        count = connection.execute(sa.text("SELECT count(*) FROM dripline_message_ids")).scalar()
    assert 20 <= count <= 30
    base.sink.write([row("p", 59)])
    assert base.numbers("plain") == list(range(60))


def test_without_permission_for_the_ids_rows_are_written_all_the_same(postgres_url, caplog):
    """It is told once what does not hold then."""
    base = Base(postgres_url)
    user, schema = f"dripline_{uuid.uuid4().hex[:8]}", read_url(postgres_url).query["options"].partition("=")[2]
    with base.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {user} LOGIN"))
        connection.execute(sa.text(f"GRANT USAGE ON SCHEMA {schema} TO {user}"))
        connection.execute(sa.text(f"GRANT INSERT ON plain TO {user}"))
    try:
        poor = make_engine(read_url(postgres_url).set(username=user))
        sink = DatabaseSink(lambda: poor, base.tables, "logger")
        assert sink.write([row("p", 1)]) == []
        assert sink.write([row("p", 1), row("p", -1)])[0].row.values["n"] == -1
        poor.dispose()
        assert base.numbers("plain") == [1, 1]
        assert caplog.text.count("what comes twice is written twice") == 1
    finally:
        with base.engine.begin() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {user}"))
            connection.execute(sa.text(f"DROP ROLE {user}"))
        base.engine.dispose()


def test_a_constraint_that_is_only_looked_at_in_the_end_refuses_its_row_only(postgres_url):
    """DEFERRABLE INITIALLY DEFERRED: the whole transaction fails in its commit."""
    base = Base(postgres_url)
    with base.engine.begin() as connection:
        connection.execute(
            sa.text("ALTER TABLE plain ADD CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED")
        )
    rows = [row("p", 1, "a"), row("p", 2, "b"), row("p", 1, "c"), row("p", 3, "d")]
    assert [refusal.row.message_id for refusal in base.sink.write(rows)] == ["c"]
    assert sorted(base.numbers("plain")) == [1, 2, 3]
    base.engine.dispose()


def test_a_trigger_that_raises_refuses_its_row_only(postgres_url):
    """With a code of its own, which nobody can know."""
    base = Base(postgres_url)
    with base.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN IF NEW.n = 2 THEN RAISE EXCEPTION 'not two' USING ERRCODE = 'LAB01'; END IF; "
            "RETURN NEW; END$$"
        )
        connection.exec_driver_sql("CREATE TRIGGER no BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION no()")
    refused = base.sink.write([row("p", n) for n in range(5)])
    assert [(refusal.row.values["n"], refusal.reason.partition(";")[0]) for refusal in refused] == [(2, "not two")]
    assert base.numbers("plain") == [0, 1, 3, 4]
    base.engine.dispose()


def test_a_rule_about_rows_refuses_its_row_only(postgres_url):
    """Row-level security says that there is no permission, and means the row."""
    base = Base(postgres_url)
    user, schema = f"dripline_{uuid.uuid4().hex[:8]}", read_url(postgres_url).query["options"].partition("=")[2]
    with base.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
        connection.exec_driver_sql(f"GRANT INSERT ON plain TO {user}")
        connection.exec_driver_sql("ALTER TABLE plain ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql("CREATE POLICY small ON plain FOR INSERT WITH CHECK (n < 5)")
    try:
        poor = make_engine(read_url(postgres_url).set(username=user))
        refused = DatabaseSink(lambda: poor, base.tables, "logger").write([row("p", n) for n in range(3, 7)])
        poor.dispose()
        assert [refusal.row.values["n"] for refusal in refused] == [5, 6]
        assert base.numbers("plain") == [3, 4]
    finally:
        with base.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE plain")
            connection.exec_driver_sql(f"DROP OWNED BY {user}")
            connection.exec_driver_sql(f"DROP ROLE {user}")
        base.engine.dispose()


def test_a_locked_file_is_away_until_it_is_not(sqlite_url):
    """Another program has it; the rows are not to blame."""
    base = Base(sqlite_url)
    other = sqlite3.connect(read_url(sqlite_url).database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseAway, match="locked"):
        base.sink.write([row("v", 1)])
    other.execute("ROLLBACK")
    other.close()
    assert base.sink.write([row("v", 1)]) == []
    base.engine.dispose()


def test_a_folder_that_is_gone_is_away_until_it_is_back(tmp_path):
    """A mount that is not there yet."""
    folder = tmp_path / "mount"
    folder.mkdir()
    base = Base(f"sqlite:///{folder / 'values.sqlite'}")
    base.engine.dispose()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(DatabaseAway, match="unable to open"):
        base.sink.write([row("v", 1)])
    (tmp_path / "elsewhere").rename(folder)
    assert base.sink.write([row("v", 1)]) == []
    base.engine.dispose()


def test_a_connection_that_the_server_ends_is_away_and_then_back(postgres_url):
    """As when it is restarted in good order."""
    base = Base(postgres_url)
    assert base.sink.write([row("v", 1)]) == []
    killer = sa.create_engine(postgres_url)
    with base.engine.connect() as held, killer.begin() as connection:
        own = held.execute(sa.text("SELECT pg_backend_pid()")).scalar()
        held.commit()
        connection.execute(sa.text("SELECT pg_terminate_backend(:own)"), {"own": own})
    killer.dispose()
    away = 0
    try:
        base.sink.write([row("v", 2)])
    except DatabaseAway:
        away += 1
        base.sink.write([row("v", 2)])
    assert away == 1
    assert base.numbers("values") == [1, 2]
    base.engine.dispose()


def test_nobody_listens_there(tmp_path):
    """The text tells what the driver says, in one line."""
    engine = make_engine(read_url("postgresql://nobody@127.0.0.1:1/none"))
    tables = Tables()
    tables.known = {"p": Destination(sa.Table("p", sa.MetaData(), sa.Column("n", sa.Integer)))}
    with pytest.raises(DatabaseAway, match="refused"):
        DatabaseSink(lambda: engine, tables, "logger").write([row("p", 1)])


def test_two_loggers_write_the_same_rows_at_the_same_time(base):
    """Each row is there once, whoever was first."""
    sinks = [DatabaseSink(lambda: base.engine, base.tables, "logger") for _ in range(2)]
    sinks[0].write([row("v", 999)])  # one makes what is needed

    def write(sink: DatabaseSink) -> None:
        for start in range(0, 100, 10):
            rows = [row("v", n) for n in range(start, start + 10)]
            while True:
                try:
                    assert sink.write(rows) == []
                except DatabaseAway:
                    continue  # locked, or a deadlock
                break

    threads = [threading.Thread(target=write, args=(sink,)) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(base.numbers("values")) == [*range(100), 999]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "is no address of a database"),
        ("post gres://u:secret@h/d", r"…@h"),
        ("sqlite://", "keeps nothing"),
        ("sqlite:///:memory:", "keeps nothing"),
    ],
)
def test_an_address_that_cannot_be_used_is_told(url, text):
    """In one line, with the remedy and without the password."""
    with pytest.raises(ConfigurationError, match=text) as error:
        read_url(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["oracle://u@h/d", "nosuch://u@h/d"])
def test_a_driver_that_is_not_installed_is_told(url):
    """Its name, and what to do."""
    with pytest.raises(ConfigurationError, match=r"missing|knows no"):
        make_engine(read_url(url))
