"""Values of devices on their way through the mesh: formulas, tables, NaN and infinity, on both brokers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url
from support.waiting import eventually

from dripline.core import Entity, Service, calibrate
from dripline.implementations import KeyValueStore, PostgresSensorLogger, SensorLogger
from dripline.implementations.storage.database import make_engine, read_url

from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving

__all__ = ["postgres_server", "postgres_url"]

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


class Gauge(Entity):
    """Returns one reading after the other; logs each on command."""

    readings: tuple[Any, ...] = ()

    @calibrate()
    def on_get(self) -> Any:
        """The next reading."""
        first, *rest = self.readings
        self.readings = tuple(rest)
        return first


def service_with(mesh: Mesh, *endpoints: Entity) -> Service:
    """A service of this mesh."""
    service = Service(mesh.name("values"), heartbeat_interval_s=0, **mesh.login)
    for endpoint in endpoints:
        service.add_child(endpoint)
    return service


def test_a_negative_number_is_a_value_in_a_formula(mesh):
    """From the configuration, from a `set`, and as a text from a device."""
    store = KeyValueStore(name=mesh.name("store"), initial_value=-5, calibration="0.1*{}**2+3")
    with serving(service_with(mesh, store)), client(mesh) as interface:
        assert interface.get(store.name) == {"value_raw": -5, "value_cal": 5.5}
        interface.set(store.name, "-1.00000E+01\r\n")
        assert interface.get(store.name)["value_cal"] == 13


def test_a_value_that_a_table_lacks_keeps_its_raw_value(mesh):
    """Numbers are found in any notation."""
    valve = KeyValueStore(
        name=mesh.name("valve"), initial_value="000001", calibration={"1": "open", "0": "closed"}
    )
    with serving(service_with(mesh, valve)), client(mesh) as interface:
        assert interface.get(valve.name)["value_cal"] == "open"
        interface.set(valve.name, "STUCK")
        assert interface.get(valve.name) == {"value_raw": "STUCK"}


def stored(engine: sa.Engine, table: str) -> list[Any]:
    """The calibrated values in a table, in the order of their arrival."""
    with engine.connect() as connection:
        return list(connection.execute(sa.text(f"SELECT value_cal FROM {table} ORDER BY id")).scalars())


def test_nan_and_infinity_are_stored_alike_and_logged_once(
    mesh, tmp_path: Path, postgres_url, monkeypatch, caplog
):
    """As NULL by each SQL logger; the log has one line when they begin, and one when they end."""
    monkeypatch.chdir(tmp_path)
    gauge = Gauge(name=mesh.name("gauge"), calibration="2*{}")
    gauge.readings = (1.5, NAN, NAN, INF, "-INF", "NaN\r\n", " +0002.5E0\n", 1)
    expected = [3.0, None, None, None, None, None, 5.0, 2.0]
    postgres = make_engine(read_url(postgres_url))
    table = sa.Table("readings", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    table.append_column(sa.Column("value_cal", sa.Double))
    table.create(postgres)
    endpoint = {
        "name": "readings",
        "module": "SQLTable",
        "table_name": "readings",
        "required_insert_names": ["value_cal"],
    }
    own_table = PostgresSensorLogger(
        name=mesh.name("own"), insertion_table_endpoint_name="readings", endpoints=[endpoint], database_name="lab",
        database_server="localhost", alert_keys=["sensor_value.#"], alert_key_parser_re="(?P<sensor>.*)",
        heartbeat_interval_s=0, **mesh.login,
    )  # fmt: skip
    own_table.engine = postgres
    loggers = [
        SensorLogger(name=mesh.name("to_sqlite"), heartbeat_interval_s=0, **mesh.login),
        SensorLogger(name=mesh.name("to_pg"), database_url=postgres_url, heartbeat_interval_s=0, **mesh.login),
        own_table,
    ]
    with ExitStack() as running, client(mesh) as interface:
        for service in (*loggers, service_with(mesh, gauge)):
            running.enter_context(serving(service))
        while gauge.readings:
            gauge.scheduled_log()
        for logger in loggers:
            assert eventually(lambda logger=logger: interface.get(logger.name)["written"] == len(expected), 60)
    lines = [line for line in caplog.messages if "JSON cannot hold" in line or "as they are again" in line]
    sqlite = make_engine(read_url("sqlite:///slow_controls.sqlite"))
    found = [stored(sqlite, "sensor_values"), stored(postgres, "sensor_values"), stored(postgres, "readings")]
    for engine in (sqlite, postgres):
        engine.dispose()
    assert found == [expected] * 3
    assert len(lines) == 2
