"""Services with tables in PostgreSQL, as packages write them for the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url
from support.ports import free_port

import scarab
from dripline.core import AlertConsumer, Endpoint, Service, ThrowReply
from dripline.errors import ConfigurationError
from dripline.implementations import PostgreSQLInterface
from dripline.implementations.postgres_interface import SQLTable
from dripline.implementations.storage.database import make_engine, read_url

__all__ = ["postgres_server", "postgres_url"]

READINGS = {
    "name": "readings",
    "module": "SQLTable",
    "table_name": "readings",
    "required_insert_names": ["sensor", {"column": "value", "payload_key": "value_raw"}],
    "return_col_names": ["id"],
}


class L(AlertConsumer, PostgreSQLInterface):
    """A logger as in the reference's documentation: bases one by one, endpoints last."""

    def __init__(self, url: str, add_tables: bool = True, **kwargs: Any) -> None:
        AlertConsumer.__init__(self, add_endpoints_now=False, make_connection=False, **kwargs)
        PostgreSQLInterface.__init__(self, database_name="test", database_server="127.0.0.1", **kwargs)
        self.url = url
        self.connect_to_db(self.auth)
        self.add_endpoints_from_config()

    def connect_to_db(self, auth: scarab.Authentication) -> None:
        """Use the schema of the test."""
        super().connect_to_db(auth)
        self.engine = make_engine(read_url(self.url))
        self.meta = sa.MetaData()

    def add_child(self, endpoint: Endpoint) -> bool:
        """Describe tables as they are added."""
        AlertConsumer.add_child(self, endpoint)
        self.add_child_table(endpoint)
        return True

    def process_payload(self, a_payload: Any, a_routing_key_data: Any, a_message_timestamp: str) -> None:
        """Insert a row with the tables' own means."""
        self.sync_children["readings"].do_insert(**a_routing_key_data, **a_payload.to_python())


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A database with a table, and another one that refers to it."""
    engine = make_engine(read_url(postgres_url))
    meta = sa.MetaData()
    sa.Table(
        "readings",
        meta,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sensor", sa.String(50), nullable=False),
        sa.Column("value", sa.Float),
    )
    sa.Table("notes", meta, sa.Column("reading", sa.ForeignKey("readings.id")), sa.Column("note", sa.Text))
    meta.create_all(engine)
    yield postgres_url
    engine.dispose()


def test_tables_are_described_as_they_are_added(url):
    """In `meta`, which the package's own SQL uses; the endpoint has the same table."""
    logger = L(url, name="logger", endpoints=[READINGS, {"name": "plain", "module": "Endpoint"}])
    assert list(logger.meta.tables) == ["readings"]
    assert logger.sync_children["readings"].table is logger.meta.tables["readings"]
    logger.process_payload(scarab.to_param({"value_raw": 1.5}), {"sensor": "oven"}, "")
    assert logger.sync_children["readings"].do_insert(sensor="door", value_raw=2) == {"id": 2}
    notes = sa.Table("notes", logger.meta, autoload_with=logger.engine)
    readings = logger.meta.tables["readings"]
    with logger.engine.begin() as connection:
        connection.execute(notes.insert().values(reading=1, note="hot"))
        found = connection.execute(sa.select(readings.c.sensor, notes.c.note).join_from(readings, notes)).all()
    assert found == [("oven", "hot")]
    logger.engine.dispose()


def test_tables_are_made_by_place_as_in_the_reference(url):
    """Return columns stand before optional ones, the endpoint's name comes last."""
    table = SQLTable("readings", None, ["sensor"], ["id", "sensor"], ["value"], {"value": 7}, "readings")
    logger = L(url, name="logger")
    logger.add_child(table)
    assert table.do_insert(sensor="oven") == {"id": 1, "sensor": "oven"}
    assert table.do_select(["value"]) == (["value"], [[7.0]])
    with pytest.raises(ThrowReply, match="sensor"):
        table.do_insert(value=1)
    logger.engine.dispose()


def test_a_table_that_does_not_exist_is_told(url):
    """In one line, when it is added."""
    with pytest.raises(ConfigurationError, match=r"readings: there is no table 'radings'.*correct table_name"):
        L(url, name="logger", endpoints=[{**READINGS, "table_name": "radings"}])


def test_a_database_that_is_away_is_asked_later(url, caplog):
    """The service starts, and uses the table once the database is back."""
    away = sa.make_url(url).set(host="127.0.0.1", port=free_port()).render_as_string(hide_password=False)
    logger = L(away, name="logger", endpoints=[READINGS])
    assert "readings: " in caplog.text
    assert "the table is described later" in caplog.text
    logger.engine = make_engine(read_url(url))
    assert logger.sync_children["readings"].do_insert(sensor="oven", value_raw=1) == {"id": 1}
    logger.engine.dispose()


def test_a_service_beside_the_interface():
    """The mixin needs no more than a service; messages reach neither engine nor meta."""

    class Runs(Service, PostgreSQLInterface):
        def __init__(self, **kwargs: Any) -> None:
            Service.__init__(self, make_connection=False, **kwargs)
            PostgreSQLInterface.__init__(self, **kwargs)

    runs = Runs(name="runs", database_name="lab", database_server="dbhost:5433")
    assert (runs.database_name, runs.database_server) == ("lab", "dbhost:5433")
    assert list(runs.meta.tables) == []
    assert runs.add_child_table(Endpoint("plain")) is None
