"""Alerts into databases, on both brokers."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url
from support.waiting import eventually

from dripline.amqp.content import Delivery
from dripline.config.mesh import MeshSettings
from dripline.core import MsgAlert, Service
from dripline.errors import ConfigurationError
from dripline.implementations import PostgresSensorLogger, SensorLogger
from dripline.implementations.storage.database import make_engine, read_url
from dripline.runtime.client import MeshClient
from dripline.transport.connection import Connection

from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving

__all__ = ["postgres_server", "postgres_url"]

COLUMNS = "sensor_name, value_raw, value_cal, memo, payload, routing_key, sender"


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def send(mesh: Mesh) -> Iterator[Callable[..., None]]:
    """Send an alert, by default of a logged value."""
    with serving(Service("sender", heartbeat_interval_s=0, **mesh.login)) as sender:
        yield lambda payload, key="sensor_value.peaches": sender.send(MsgAlert.create(payload, key))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a logger starts, and leaves its files."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def logger_of(mesh: Mesh, **arguments: Any) -> SensorLogger:
    """A logger that was told nothing but its name."""
    return SensorLogger(name=mesh.name("logger"), heartbeat_interval_s=0, **mesh.login, **arguments)


def rows(file: str = "slow_controls.sqlite", what: str = COLUMNS, table: str = "sensor_values") -> list[Any]:
    """What is in the table, as `sqlite3` shows it."""
    database = sqlite3.connect(file)
    found = database.execute(f"SELECT {what} FROM {table} ORDER BY id").fetchall()
    database.close()
    return found


def written(mesh: Mesh, logger: Service, count: int) -> bool:
    """Whether a logger says so many rows are written."""
    with client(mesh) as interface:
        return eventually(lambda: interface.get(logger.name)["written"] >= count, 60)


def test_alerts_become_rows_without_any_configuration(mesh, send, folder):
    """Numbers, numbers in texts, texts, and all of the payload as JSON; other alerts are not for it."""
    with serving(logger_of(mesh)) as logger:
        send({"value_raw": "0.75", "value_cal": 1.5})
        send({"value_raw": "OPEN"}, "sensor_value.valve.left")
        send("not logged", "status_message.peaches")
        send(7, "sensor_value.bare")
        send({"value_raw": [1, 2], "value_cal": True, "memo": "odd"})
        assert written(mesh, logger, 4)
    found = rows()
    assert [row[:4] for row in found] == [
        ("peaches", 0.75, 1.5, None),
        ("valve.left", None, None, "OPEN"),
        ("bare", 7.0, None, None),
        ("peaches", None, 1.0, "odd"),
    ]
    assert [json.loads(row[4]) for row in found][1:3] == [{"value_raw": "OPEN"}, 7]
    assert found[1][5:] == ("sensor_value.valve.left", "sender")
    ((time, zone),) = set(rows(what="length(timestamp), substr(timestamp, -6)"))
    assert (time, zone) == (len("2026-01-31 12:00:00.000001+00:00"), "+00:00")


def test_a_service_that_was_stopped_goes_on_with_the_same_table(mesh, send, folder):
    """Its own object as well as a new one."""
    logger = logger_of(mesh)
    for number in range(2):
        with serving(logger):
            send({"value_raw": number})
            assert eventually(lambda number=number: len(rows()) == number + 1, 60)
    with serving(logger_of(mesh)):
        send({"value_raw": 2})
        assert eventually(lambda: len(rows()) == 3, 60)


def test_rows_go_to_postgresql_with_their_time(mesh, send, folder, postgres_url):
    """The same columns; the time knows its zone."""
    with serving(logger_of(mesh, database_url=postgres_url, table_name="values")) as logger:
        send({"value_raw": 1, "value_cal": 2.5})
        assert written(mesh, logger, 1)
    engine = make_engine(read_url(postgres_url))
    with engine.connect() as connection:
        (row,) = connection.execute(sa.text('SELECT *, now() - timestamp AS age FROM "values"')).mappings()
    engine.dispose()
    assert (row["sensor_name"], row["value_raw"], row["value_cal"]) == ("peaches", 1.0, 2.5)
    assert row["payload"] == {"value_raw": 1, "value_cal": 2.5}
    assert abs(row["age"].total_seconds()) < 60


def test_an_alert_that_is_delivered_twice_is_one_row(mesh, folder):
    """Its message id tells."""
    settings = MeshSettings.from_dict(mesh.settings)
    with (
        serving(logger_of(mesh)) as logger,
        MeshClient(settings, mesh.address.username, mesh.address.password) as peer,
    ):
        envelopes = peer.link._encoder.encode(MsgAlert.create({"value_raw": 1}, "sensor_value.twice"), "")
        for _ in range(3):
            peer.link.connection.publish_confirmed(mesh.alerts, envelopes)
        assert written(mesh, logger, 3), "or known to be"
    assert len(rows()) == 1


def test_long_alerts_in_chunks_are_rows_as_well(mesh, folder):
    """Also when chunks of several come mixed."""
    login = {**mesh.login, "dripline_mesh": {**mesh.settings, "max_payload_size": 100}}
    with serving(logger_of(mesh)) as logger, serving(Service("long", heartbeat_interval_s=0, **login)) as sender:
        for number in range(3):
            sender.send(MsgAlert.create({"value_raw": number, "text": "é" * 300}, "sensor_value.long"))
        assert written(mesh, logger, 3)
    assert [row[1] for row in rows()] == [0.0, 1.0, 2.0]


def test_an_alert_is_acknowledged_only_when_its_row_is_safe(mesh, send, folder, monkeypatch):
    """As long as a batch waits, the broker has its alerts still; all of a batch are acknowledged in one write."""
    writes: list[int] = []
    ack = Connection.ack

    def counting(self: Connection, *deliveries: Delivery) -> None:
        alerts = [delivery for delivery in deliveries if delivery.exchange == mesh.alerts]
        writes.extend([len(alerts)] if alerts else [])
        ack(self, *deliveries)

    monkeypatch.setattr(Connection, "ack", counting)
    with serving(logger_of(mesh, batch_age_s=3600, batch_rows=5)) as logger, client(mesh) as interface:
        for number in range(4):
            send({"value_raw": number})
        assert eventually(lambda: interface.get(logger.name)["in_memory"] == 4, 60)
        assert (writes, rows()) == ([], [])
        send({"value_raw": 4})
        assert written(mesh, logger, 5)
        assert eventually(lambda: writes == [5])
        send({"value_raw": 5})
    assert writes == [5, 1], "the last one when the logger stopped"
    assert len(rows()) == 6


def test_a_locked_database_is_waited_for(mesh, send, folder, caplog):
    """Rows go to disk, and are written when it is back; the service says how it stands."""
    with serving(logger_of(mesh)) as logger, client(mesh) as interface:
        send({"value_raw": 0})
        assert written(mesh, logger, 1)
        lock = sqlite3.connect("slow_controls.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        for number in range(1, 20):
            send({"value_raw": number})
        assert eventually(lambda: interface.get(logger.name)["on_disk"] == 19, 60)
        assert "locked" in interface.get(logger.name)["database"]
        lock.execute("ROLLBACK")
        lock.close()
        assert written(mesh, logger, 20)
    assert [row[1] for row in rows()] == list(map(float, range(20)))
    assert caplog.text.count("the database is away") == caplog.text.count("the database is back") == 1


def test_what_is_wrong_with_a_logger_is_told_at_its_start(mesh, folder):
    """A folder that is not there, a table that is another one, a spool that another logger has."""
    with pytest.raises(ConfigurationError, match=r"there is no folder .*nowhere"):
        logger_of(mesh, database_url="sqlite:///nowhere/x.sqlite").start()
    sqlite3.connect("slow_controls.sqlite").execute("CREATE TABLE mine (id INTEGER)").connection.close()
    with pytest.raises(ConfigurationError, match=r"mine .* is another table: it has no timestamp"):
        logger_of(mesh, table_name="mine").start()
    with pytest.raises(ConfigurationError, match="batch_rows: must be a number above 0"):
        logger_of(mesh, batch_rows=0)
    with serving(logger_of(mesh, spool_directory="s")):
        other = SensorLogger(name=mesh.name("other"), spool_directory="s", **mesh.login)
        with pytest.raises(ConfigurationError, match=r"spool_directory: s cannot be used: .* another service"):
            other.start()


# -- PostgresSensorLogger, and what laboratories make of it ---------------------------------------------------


@pytest.fixture
def readings(postgres_url: str) -> Iterator[sa.Engine]:
    """A laboratory's own table."""
    engine = make_engine(read_url(postgres_url))
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE readings (id serial PRIMARY KEY, timestamp timestamptz NOT NULL, "
                "sensor text NOT NULL, raw text, cal float8 CHECK (cal < 1000), memo text DEFAULT 'none')"
            )
        )
    yield engine
    engine.dispose()


class Lab(PostgresSensorLogger):
    """A laboratory's subclass: its own constructor, and the test's database."""

    def __init__(self, **kwargs: Any) -> None:
        self.own = "set before the base"
        PostgresSensorLogger.__init__(self, **kwargs)


TABLE = {
    "name": "readings_table",
    "module": "SQLTable",
    "table_name": "readings",
    "required_insert_names": ["timestamp", "sensor", {"column": "cal", "payload_key": "value_cal"}],
    "optional_insert_names": [{"column": "raw", "payload_key": "value_raw"}, "memo"],
}


def lab(mesh: Mesh, engine: sa.Engine, kind: type[PostgresSensorLogger] = Lab, **arguments: Any) -> Any:
    """A logger with a table endpoint."""
    settings = {
        "insertion_table_endpoint_name": "readings_table",
        "database_name": "lab",
        "database_server": "localhost",
        "alert_keys": ["sensor_value.#"],
        "alert_key_parser_re": r"sensor_value\.(?P<sensor>\w+)",
        "endpoints": [TABLE],
        "heartbeat_interval_s": 0,
    }
    logger = kind(name=mesh.name("lab"), **{**settings, **arguments}, **mesh.login)
    logger.engine = engine
    return logger


def readings_in(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """The laboratory's rows."""
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT sensor, raw, cal, memo FROM readings ORDER BY id"))
        return [tuple(row) for row in found]


def test_alerts_become_rows_of_an_existing_table(mesh, send, folder, readings):
    """Time, groups of the routing key and payload, by the names that the endpoint knows."""
    with serving(lab(mesh, readings)) as logger:
        send({"value_raw": 1, "value_cal": 2, "other": "left out"})
        send({"value_raw": "x", "value_cal": 3, "memo": "m"}, "sensor_value.cream.sub")
        assert written(mesh, logger, 2)
    assert readings_in(readings) == [("peaches", "1", 2.0, "none"), ("cream", "x", 3.0, "m")]


def test_rows_that_cannot_be_are_refused_and_the_others_written(mesh, send, folder, readings):
    """By the endpoint or by the database: each in the file, with its reason."""
    with serving(lab(mesh, readings)) as logger, client(mesh) as interface:
        send({"value_cal": 5000})
        send({"value_cal": "no number"})
        send({"value_raw": 1})
        send("no mapping")
        send({"value_cal": 1})
        assert written(mesh, logger, 1)
        assert eventually(lambda: interface.get(logger.name)["refused"] == 4, 60)
        refused = Path(f"{logger.name}.spool", "refused.jsonl").read_text()
    assert [row[2] for row in readings_in(readings)] == [1.0]
    for reason in ("check constraint", "invalid input syntax", "needs value_cal", "no mapping"):
        assert reason in refused


def test_the_table_can_be_asked_through_the_mesh(mesh, send, folder, readings):
    """do_insert and do_select are commands; an insert by command is done when its reply comes."""
    with serving(lab(mesh, readings)), client(mesh) as interface:
        values = {"timestamp": "2026-01-31T12:00:00Z", "sensor": "by_hand", "value_cal": 1}
        assert interface.cmd("readings_table", "do_insert", [], values) is None
        names, found = interface.cmd("readings_table", "do_select", [["sensor", "cal"]])
        assert (names, found) == (["sensor", "cal"], [["by_hand", 1.0]])


class OwnPayload(Lab):
    """Overrides process_payload and inserts two rows for one alert."""

    def process_payload(self, a_payload: Any, a_routing_key_data: Any, a_message_timestamp: str) -> None:
        """Split the payload."""
        table = self.sync_children[self.insertion_table_endpoint_name]
        for name, value in a_payload.to_python().items():
            table.do_insert(timestamp=a_message_timestamp, sensor=name, value_cal=value)


class OwnAlert(Lab):
    """Overrides on_alert_message altogether."""

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Take what it needs from the message."""
        data = self.parse_routing_key(an_alert.routing_key)
        value = an_alert.payload["value_cal"].as_double()
        self.sync_children["readings_table"].do_insert(timestamp=an_alert.timestamp, value_cal=value, **data)


class CallsBase(Lab):
    """Changes the payload and calls the base."""

    def process_payload(self, a_payload: Any, a_routing_key_data: Any, a_message_timestamp: str) -> None:
        """Add to it."""
        a_payload["memo"] = self.own
        PostgresSensorLogger.process_payload(self, a_payload, a_routing_key_data, a_message_timestamp)


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (OwnPayload, {"a": 1, "b": 2}, [("a", 1.0), ("b", 2.0)]),
        (OwnAlert, {"value_cal": 3}, [("peaches", 3.0)]),
        (CallsBase, {"value_cal": 4}, [("peaches", 4.0)]),
    ],
)
def test_a_laboratory_overrides_what_it_likes(mesh, send, folder, readings, kind, payload, expected):
    """Its rows go in batches all the same, and wait while the database is locked."""
    with serving(lab(mesh, readings, kind)) as logger:
        with readings.begin() as connection:
            connection.execute(sa.text("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE"))
            send(payload)
            assert eventually(lambda: logger.on_get()["in_memory"] == len(expected), 60)
        assert written(mesh, logger, len(expected))
    assert [(row[0], row[2]) for row in readings_in(readings)] == expected


def test_a_table_that_returns_columns_is_inserted_into_at_once(mesh, send, folder, readings):
    """Who handles the alert needs what comes back."""
    numbers = []

    class Numbered(Lab):
        def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
            row = {
                "timestamp": a_message_timestamp,
                "sensor": "s",
                "value_cal": a_payload["value_cal"].to_python(),
            }
            numbers.append(self.sync_children["readings_table"].do_insert(**row)["id"])

    with serving(lab(mesh, readings, Numbered, endpoints=[{**TABLE, "return_col_names": ["id"]}])):
        for _ in range(3):
            send({"value_cal": 1})
        assert eventually(lambda: numbers == [1, 2, 3], 60)


def test_returned_columns_that_nobody_needs_put_no_row_at_risk(mesh, send, folder, readings):
    """A row waits while its table is locked, and is written with the others."""
    with serving(lab(mesh, readings, endpoints=[{**TABLE, "return_col_names": ["id"]}])) as logger:
        with readings.begin() as connection:
            connection.execute(sa.text("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE"))
            send({"value_cal": 1})
            assert eventually(lambda: logger.on_get()["in_memory"] == 1, 60)
        assert written(mesh, logger, 1)
    assert [row[2] for row in readings_in(readings)] == [1.0]


def test_without_a_broker_a_payload_is_inserted_at_once(readings, folder):
    """As a laboratory's own tests do it."""
    logger = Lab(
        name="lab", make_connection=False, insertion_table_endpoint_name="readings_table", database_name="x",
        database_server="y", endpoints=[TABLE],
    )  # fmt: skip
    logger.engine = readings
    payload = MsgAlert.create({"value_cal": 1}, "x").payload
    logger.process_payload(payload, {"sensor": "direct"}, "2026-01-31T12:00:00Z")
    assert [row[0] for row in readings_in(readings)] == ["direct"]


def test_a_table_endpoint_that_is_not_there_is_told_at_the_start(mesh, readings, folder):
    """Not when the first alert comes."""
    logger = lab(mesh, readings, PostgresSensorLogger, insertion_table_endpoint_name="reading_table")
    with pytest.raises(ConfigurationError, match="no endpoint 'reading_table'; did you mean 'readings_table'"):
        logger.start()


def test_rows_that_version_6_0_0_left_on_disk_are_written(mesh, send, folder):
    """From where they were read to, before the new ones; the folder is used on."""
    spool = folder / "spool"
    shutil.copytree(Path(__file__).parents[1] / "fixtures" / "spools-6.0.0" / "rows", spool)
    with serving(logger_of(mesh, spool_directory=str(spool))) as logger:
        assert written(mesh, logger, 25)
        send({"value_raw": 30}, "sensor_value.s30")
        assert written(mesh, logger, 26)
        with client(mesh) as interface:
            report = interface.get(logger.name)
            assert (report["refused"], report["dropped"], report["on_disk"]) == (0, 0, 0)
    assert rows(what="sensor_name, value_raw") == [(f"s{number}", number) for number in range(5, 31)]
