"""Tables as endpoints, without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import database_url, postgres_server, postgres_url, sqlite_url
from support.memory import PeakMemory

from dripline.core import MsgRequest, Service, ThrowReply, op_t
from dripline.errors import ConfigurationError
from dripline.implementations import PostgreSQLInterface, SQLTable
from dripline.implementations.storage.database import make_engine, read_url
from dripline.wire.body import MAX_BYTES, dumps

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]

RUNS = {
    "name": "runs",
    "module": "SQLTable",
    "table_name": "runs",
    "required_insert_names": ["number", {"column": "started", "payload_key": "timestamp"}],
    "optional_insert_names": ["note"],
    "default_insert_values": {"who": "nobody"},
    "return_col_names": ["id", "number"],
}


class Database(Service):
    """A service with an engine, as a laboratory writes it."""

    def __init__(self, url: str, **kwargs: Any) -> None:
        Service.__init__(self, make_connection=False, **kwargs)
        self.engine = make_engine(read_url(url))
        with self.engine.begin() as connection:
            table = sa.Table(
                "runs",
                sa.MetaData(),
                sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("number", sa.Integer, sa.CheckConstraint("number > 0"), nullable=False),
                sa.Column("started", sa.DateTime(timezone=True)),
                sa.Column("note", sa.String(50)),
                sa.Column("who", sa.String(50)),
                sa.Column("price", sa.Numeric(6, 2)),
            )
            table.create(connection, checkfirst=True)


@pytest.fixture
def service(database_url: str) -> Iterator[Database]:
    """A service with a table, on each kind of database."""
    service = Database(database_url, name="database", endpoints=[RUNS])
    yield service
    service.engine.dispose()


def ask(service: Service, method: str, *values: Any, **keyed: Any) -> Any:
    """Send a command to the table; the payload of a good reply."""
    request = MsgRequest.create({"values": list(values), **keyed}, op_t.cmd, "runs", method)
    reply = service.sync_children["runs"].on_request_message(request)
    assert reply.return_code == 0, reply.return_message
    return reply.plain_payload


def test_rows_are_inserted_and_selected_by_command(service):
    """Names of the payload become columns; the columns asked for come back."""
    first = ask(service, "do_insert", number=1, timestamp="2026-01-31T12:00:00Z", note="dark")
    assert first == {"id": 1, "number": 1}
    ask(service, "do_insert", number=2, timestamp="2026-01-31T13:00:00.5Z", unknown="is left out")
    names, rows = ask(service, "do_select", ["number", "note", "who"])
    assert names == ["number", "note", "who"]
    assert rows == [[1, "dark", "nobody"], [2, None, "nobody"]]
    names, rows = ask(service, "do_select")
    assert names == ["id", "number", "started", "note", "who", "price"]
    assert rows[0][2].startswith("2026-01-31T12:00:00")


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({"where_eq_dict": {"number": 2}}, [2]),
        ({"where_lt_dict": {"number": 3}}, [1, 2]),
        ({"where_gt_dict": {"number": 1}, "where_lt_dict": {"number": 4}}, [2, 3]),
        ({"where_gt_dict": {"started": "2026-01-03T12:00:00Z"}}, [4]),
        ({"where_eq_dict": {"note": "none"}}, []),
    ],
)
def test_conditions_choose_rows(service, conditions, numbers):
    """Equal, less, greater; all of them together; times as texts."""
    for number in range(1, 5):
        ask(service, "do_insert", number=number, timestamp=f"2026-01-0{number}T00:00:00Z")
    assert ask(service, "do_select", ["number"], **conditions)[1] == [[number] for number in numbers]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ({"limit": 2}, [5, 4]),
        ({"limit": 2, "offset": 2}, [3, 2]),
        ({"offset": 4}, [1]),
        ({"limit": 0}, []),
        ({"order_by": "number"}, [1, 2, 3, 4, 5]),
        ({"order_by": ["who", "-number"], "limit": 3}, [5, 4, 3]),
        ({"order_by": "number", "limit": 2, "offset": 1, "where_gt_dict": {"number": 1}}, [3, 4]),
    ],
)
def test_rows_are_selected_in_parts(service, arguments, numbers):
    """By limit and offset; in the order that is asked for, else in that of the primary key."""
    for number in range(5, 0, -1):
        ask(service, "do_insert", number=number, timestamp="2026-01-31T12:00:00Z")
    assert ask(service, "do_select", ["number"], **arguments)[1] == [[number] for number in numbers]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"limit": -1}, "limit must be a whole number of 0 or more, not -1"),
        ({"limit": "many"}, "limit must be a whole number of 0 or more, not 'many'"),
        ({"offset": 1.5}, "offset must be a whole number of 0 or more, not 1.5"),
        ({"offset": False}, "offset must be a whole number of 0 or more, not False"),
        ({"order_by": 5}, "order_by must be a name of a column, or a list of them, not 5"),
        ({"order_by": [1]}, "order_by must be a name of a column, or a list of them"),
        ({"limit": True}, "limit must be"),
        ({"order_by": "nonsense"}, "no column 'nonsense'"),
    ],
)
def test_parts_that_cannot_be_are_errors(service, arguments, text):
    """With what is allowed."""
    with pytest.raises(ThrowReply, match=text) as thrown:
        service.sync_children["runs"].do_select(**arguments)
    assert int(thrown.value.return_code) == 304


def test_more_rows_than_a_reply_holds_are_an_error_and_never_cut_short(service):
    """One line that names the remedy; memory stays bounded, and parts can be selected."""
    series = {
        "postgresql": "generate_series(1, 200000) AS n",
        "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT 200000) SELECT n FROM s)",
    }[service.engine.dialect.name]
    with service.engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO runs (number, note) SELECT n, 'abc' FROM {series}")
    runs = service.sync_children["runs"]
    with (
        PeakMemory() as memory,
        pytest.raises(ThrowReply, match=r"32 MB and 1000000 values.*limit= and offset=") as e,
    ):
        runs.do_select()
    assert "\n" not in str(e.value)
    assert memory.growth < 400
    names, rows = runs.do_select(["number"], limit=1000, offset=150_000)
    assert (names, rows[0], rows[-1], len(rows)) == (["number"], [150_001], [151_000], 1000)


def test_few_rows_that_are_large_are_an_error_too(service):
    """The bytes count as well as the values; what fits is given, and can be sent."""
    with service.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE texts (n integer, text text)")
        for number in range(40):
            connection.execute(sa.text("INSERT INTO texts VALUES (:n, :t)"), {"n": number, "t": "é" * 500_000})
    table = SQLTable(name="texts", table_name="texts")
    service.add_child(table)
    with PeakMemory() as memory, pytest.raises(ThrowReply, match=r"limit= and offset="):
        table.do_select()
    assert memory.growth < 400
    assert len(dumps(table.do_select(order_by="n", limit=30))) < MAX_BYTES


def test_values_come_as_json_has_them(service):
    """Decimals as numbers."""
    with service.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO runs (number, price) VALUES (1, 1.25)"))
    assert ask(service, "do_select", ["price"])[1] == [[1.25]]


def test_what_cannot_be_done_is_an_error_that_names_the_table(service):
    """Missing value, a refused one, no such column: 304 each."""
    runs = service.sync_children["runs"]
    wrong = {
        "needs timestamp": lambda: runs.do_insert(number=1),
        "number": lambda: runs.do_insert(number=-1, timestamp="2026-01-31T12:00:00Z"),
        "no column 'nonsense'; it has id": lambda: runs.do_select(["nonsense"]),
        "no column 'other'": lambda: runs.do_select(where_eq_dict={"other": 1}),
    }
    for text, call in wrong.items():
        with pytest.raises(ThrowReply, match=text) as thrown:
            call()
        assert int(thrown.value.return_code) == 304, text
        assert "runs" in str(thrown.value)
    assert runs.do_select()[1] == []


def test_without_return_columns_nothing_comes_back(service):
    """As a payload that is null."""
    table = SQLTable(name="quiet", table_name="runs", required_insert_names=["number"])
    service.add_child(table)
    assert table.do_insert(number=3) is None
    assert table.do_select("number")[1] == [[3]]


def test_a_database_that_is_away_is_a_resource_error():
    """201, with what the driver says."""
    service = Service("s", make_connection=False)
    service.engine = make_engine(read_url("postgresql://nobody@127.0.0.1:1/none"))
    table = SQLTable(name="runs", table_name="runs")
    service.add_child(table)
    with pytest.raises(ThrowReply, match="refused") as thrown:
        table.do_select()
    assert int(thrown.value.return_code) == 201


def test_a_service_without_database_is_told_so():
    """And names that are none are, when the endpoint is made."""
    service = Service("s", make_connection=False)
    table = SQLTable(name="runs", table_name="runs")
    service.add_child(table)
    with pytest.raises(ThrowReply, match="its service has no database"):
        table.do_select()
    with pytest.raises(ConfigurationError, match="insert names"):
        SQLTable(name="runs", table_name="runs", required_insert_names=[{"col": "x"}])


def test_a_laboratory_inserts_with_the_table_itself(service):
    """`SQLTable.table` and `self.service.engine`, as packages use them."""

    class Counting(SQLTable):
        def count(self) -> int:
            with self.service.engine.connect() as connection:
                return connection.execute(sa.select(sa.func.count()).select_from(self.table)).scalar()

    counting = Counting(name="counting", table_name="runs")
    service.add_child(counting)
    ask(service, "do_insert", number=1, timestamp="2026-01-31T12:00:00Z")
    assert counting.count() == 1


class Mixed(Service, PostgreSQLInterface):
    """The bases in this order, each constructor called by name."""

    def __init__(self, **kwargs: Any) -> None:
        self.early = True
        Service.__init__(self, **kwargs)
        PostgreSQLInterface.__init__(self, **kwargs)


class OtherWay(PostgreSQLInterface, Service):
    """And in the other one."""

    def __init__(self, **kwargs: Any) -> None:
        PostgreSQLInterface.__init__(self, **kwargs)
        Service.__init__(self, **kwargs)


@pytest.mark.parametrize("kind", [Mixed, OtherWay])
def test_the_interface_is_a_base_beside_a_service(kind, monkeypatch):
    """Explicit constructors in any order; login from the environment; nothing connects before it is used."""
    monkeypatch.setenv("POSTGRES_USER", "somebody")
    monkeypatch.setenv("POSTGRES_PASSWORD", "se:cr@t")
    service = kind(
        name="s", make_connection=False, database_name="lab", database_server="db.example:5433", endpoints=[RUNS]
    )
    assert service.sync_children["runs"].service is service
    url = service.engine.url
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "somebody", "se:cr@t", "db.example", 5433, "lab"
    )  # fmt: skip
    assert url.drivername == "postgresql+psycopg"
    assert "se:cr@t" not in repr(service.engine)


def test_the_login_can_stand_in_the_authentication_file(tmp_path, monkeypatch):
    """Group ``postgres``; a package may have specified it itself."""
    from dripline.config.authentication import make_authentication

    monkeypatch.delenv("POSTGRES_USER", raising=False)
    file = tmp_path / "auth.yaml"
    file.write_text("postgres: {username: filed, password: hidden}\n")
    auth = make_authentication({}, auth_file=str(file))
    service = Mixed(
        name="s", make_connection=False, database_name="lab", database_server="h", authentication_obj=auth
    )
    assert service.engine.url.username == "filed"
    assert service.engine.url.password == "hidden"
