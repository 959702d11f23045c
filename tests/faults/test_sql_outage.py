"""Databases that go away under a stream of alerts: each alert ends as one row, in its order.

``DRIPLINE_TEST_FULL=1`` sends 100000 alerts through five outages; 10000 through two unless that is set.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from contract.meshes import fresh_mesh
from reports import FULL, report
from support.postgres import Cluster, running_cluster
from support.waiting import eventually

from dripline.core import Interface, MsgAlert, Service
from dripline.implementations import SensorLogger

COUNT, OUTAGES = (100_000, 5) if FULL else (10_000, 2)
PATIENCE_S = 60 + COUNT / 300


@pytest.fixture
def mesh(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The login of a mesh of the test's own, on the broker that the test names."""
    with fresh_mesh(request.getfixturevalue(request.param)) as mesh:
        yield mesh.login


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that the test may stop."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def make_logger(mesh: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., SensorLogger]]:
    """Start a logger on the mesh; stopped at the end."""
    made = []

    def make(**arguments: Any) -> SensorLogger:
        name = f"logger-{uuid.uuid4().hex[:8]}"
        logger = SensorLogger(
            name=name,
            spool_directory=str(tmp_path / "spool"),
            **mesh,
            heartbeat_interval_s=0,
            **arguments,
        )
        logger.start()
        made.append(logger)
        return logger

    yield make
    for logger in made:
        logger.stop()


class Stream:
    """Numbered alerts, sent on a thread as fast as the broker takes them, up to a part that can be raised."""

    def __init__(self, mesh: dict[str, Any], count: int) -> None:
        self._sender = Service(f"sender-{uuid.uuid4().hex[:8]}", heartbeat_interval_s=0, **mesh)
        self._count = count
        self._sent, self._allowed = 0, count
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def up_to(self, part: float) -> None:
        """Let it go on, and return in the middle of that."""
        with self._changed:
            self._allowed = round(part * self._count)
            middle = (self._sent + self._allowed) // 2
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._sent >= middle, PATIENCE_S)

    def _send(self) -> None:
        for number in range(self._count):
            with self._changed:
                self._changed.wait_for(lambda: self._sent < self._allowed, PATIENCE_S)
            alert = MsgAlert.create({"value_raw": number, "value_cal": number / 2}, "sensor_value.stream")
            assert self._sender.send(alert).successful_send
            with self._changed:
                self._sent += 1
                self._changed.notify_all()

    def begin(self, part: float = 1.0) -> None:
        """Start sending."""
        self._allowed = round(part * self._count)
        self._sender.start()
        self._thread.start()

    def end(self) -> None:
        """Return when all are sent and confirmed."""
        self._thread.join(PATIENCE_S)
        self._sender.stop()
        assert self._sent == self._count


def outages() -> Iterator[tuple[float, float]]:
    """Between which parts of the stream the database is away."""
    part = 0.8 / OUTAGES
    for number in range(OUTAGES):
        yield 0.1 + part * (number + 0.5), 0.1 + part * (number + 1)


def numbers_in(logger: SensorLogger) -> list[float]:
    """The numbers of the alerts, in the order in which their rows were written."""
    with logger.engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text("SELECT value_raw FROM sensor_values ORDER BY id"))
        return [value for (value,) in rows]


@pytest.mark.timeout(600 + COUNT / 100)
@pytest.mark.parametrize("mesh", ["rabbitmq"], indirect=True)
def test_postgresql_stopped_under_a_stream_loses_and_doubles_nothing(mesh, make_logger, cluster, caplog):
    """As many rows as alerts, each once and in order; a loss is told once, and so is its end."""
    logger = make_logger(database_url=cluster.url)
    stream = Stream(mesh, COUNT)
    stream.begin(0.1)
    for number, (begin, end) in enumerate(outages()):
        stream.up_to(begin)
        cluster.stop(("immediate", "fast")[number % 2])
        stream.up_to(end)
        assert eventually(lambda: logger.on_get()["database"] != "ok", PATIENCE_S)
        cluster.start()
        assert eventually(lambda: logger.on_get()["database"] == "ok", PATIENCE_S)
    stream.up_to(1)
    stream.end()
    assert eventually(lambda: logger.on_get()["written"] >= COUNT, PATIENCE_S), logger.on_get()
    assert numbers_in(logger) == list(range(COUNT))
    assert logger.on_get() == {
        "database": "ok", "written": COUNT, "in_memory": 0, "on_disk": 0, "refused": 0, "dropped": 0
    }  # fmt: skip
    assert caplog.text.count("the database is away") == OUTAGES
    assert caplog.text.count("the database is back") == OUTAGES
    report("PostgreSQL stopped", "RabbitMQ", outages=OUTAGES, sent=COUNT, rows=len(numbers_in(logger)))


@pytest.mark.timeout(600 + COUNT / 100)
@pytest.mark.parametrize("mesh", ["embedded"], indirect=True)
def test_sqlite_locked_under_a_stream_loses_and_doubles_nothing(mesh, make_logger, tmp_path):
    """A program that keeps the file locked is an outage like any other."""
    file = tmp_path / "values.sqlite"
    logger = make_logger(database_url=f"sqlite:///{file}")
    stream = Stream(mesh, COUNT)
    stream.begin(0.1)
    for begin, end in outages():
        stream.up_to(begin)
        with locked(file):
            stream.up_to(end)
            assert eventually(lambda: logger.on_get()["on_disk"], PATIENCE_S)
        assert eventually(lambda: logger.on_get()["database"] == "ok", PATIENCE_S)
    stream.up_to(1)
    stream.end()
    assert eventually(lambda: logger.on_get()["written"] >= COUNT, PATIENCE_S), logger.on_get()
    assert numbers_in(logger) == list(range(COUNT))
    report("SQLite locked", "embedded", outages=OUTAGES, sent=COUNT, rows=len(numbers_in(logger)))


@pytest.mark.parametrize("mesh", ["embedded"], indirect=True)
def test_a_killed_logger_writes_what_waited_on_disk_when_it_is_started_again(mesh, tmp_path):
    """SIGKILL while the database is away takes nothing that was acknowledged."""
    file, count, name = tmp_path / "values.sqlite", 500, f"logger-{uuid.uuid4().hex[:8]}"
    with (
        Interface(**mesh, timeout_s=20) as client,
        running(name, file, mesh, tmp_path) as process,
        locked(file),
    ):
        stream = Stream(mesh, count)
        stream.begin()
        stream.end()
        assert eventually(lambda: client.get(name)["on_disk"] == count, 60), client.get(name)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with Interface(**mesh, timeout_s=20) as client, running(name, file, mesh, tmp_path):
        assert eventually(lambda: client.get(name)["written"] == count, 60), client.get(name)
    with sqlite3.connect(file) as database:
        numbers = [value for (value,) in database.execute("SELECT value_raw FROM sensor_values ORDER BY id")]
    database.close()
    assert numbers == list(range(count))


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep everybody else out of an SQLite file."""
    connection = sqlite3.connect(file, timeout=20, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def running(name: str, file: Path, mesh: dict[str, Any], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A logger in a process of its own, from when it can be asked."""
    program = (
        "from dripline.implementations import SensorLogger\n"
        f"SensorLogger(name={name!r}, database_url='sqlite:///{file}', spool_directory={str(folder / 's')!r}, "
        f"**{mesh!r}).run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=folder)
    try:
        with Interface(**mesh, timeout_s=5) as client:
            assert eventually(lambda: _answers(client, name), 60)
        yield process
    finally:
        process.kill()
        process.wait(30)


def _answers(client: Interface, name: str) -> bool:
    try:
        client.cmd(name, "ping")
    except Exception:  # noqa: BLE001  # whatever it is, it is not there yet
        return False
    return True
