"""SQLite files that are moved, deleted or overwritten while a durable logger writes alerts: none is lost.

The full count of changes is made with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract.meshes import Mesh, fresh_mesh, serving
from reports import FULL, report
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
from support.logger_process import LoggerProcess
from support.waiting import eventually

from dripline.core import MsgAlert, Service
from dripline.implementations import PostgresSensorLogger, SensorLogger
from dripline.implementations.storage.database import make_engine, read_url

CHANGES = [moved, deleted, moved_with_everything, replaced, overwritten, emptied, replaced_by_a_link]
ROUNDS = 6 if FULL else 1
KILLS = 10 if FULL else 2


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker, durable=["logger"]) as mesh:
        yield mesh


class Flow:
    """Numbered alerts, sent on a thread.

    Attributes:
        sent: How many were accepted.
        goes_on: Cleared, it pauses.
    """

    def __init__(self, source: Service) -> None:
        self.sent = 0
        self._source = source
        self._done = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def running(self) -> Iterator[Flow]:
        """Until the end of the block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._done.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._done.is_set():
            assert self._source.send(MsgAlert.create({"value_raw": self.sent}, "sensor_value.n")).successful_send
            self.sent += 1
            self.goes_on.wait()
            time.sleep(0.001)


def goes_on(logger: SensorLogger) -> bool:
    """Whether some more rows are written."""
    before = logger.on_get()["written"]
    return eventually(lambda: logger.on_get()["written"] > before + 20, 30)


def test_no_alert_is_missing_from_the_files_together(mesh, tmp_path, request, caplog):
    """The file at the path has everything that came after the last change; no change is logged twice."""
    path = tmp_path / "values.sqlite"
    logger = SensorLogger(
        name=mesh.name("logger"), durable=True, database_url=f"sqlite:///{path}",
        spool_directory=str(tmp_path / "spool"), heartbeat_interval_s=0, **mesh.login,
    )  # fmt: skip
    changes = random.Random(mesh.name("seed")).sample(CHANGES * ROUNDS, len(CHANGES) * ROUNDS)
    asides: list[Path] = []
    with (
        serving(logger),
        serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source,
        Flow(source).running() as flow,
    ):
        for number, change in enumerate(changes):
            assert goes_on(logger), logger.on_get()
            asides.append(tmp_path / f"aside-{number}")
            if change in (overwritten, emptied):  # what comes between the copy and that is gone, whoever writes it
                flow.goes_on.clear()
                assert eventually(lambda: logger.on_get()["written"] >= flow.sent, 30)
            change(path.resolve(), asides[-1])
            since = flow.sent
            flow.goes_on.set()
        assert goes_on(logger), logger.on_get()
        flow._done.set()
        flow._thread.join()
        assert eventually(lambda: logger.on_get()["written"] >= flow.sent, 60), (logger.on_get(), flow.sent)
        state = logger.on_get()
    current = set(numbers_in(path))
    found = current.union(*map(numbers_in, asides))
    report("SQLite file moved, deleted, replaced, overwritten", request.node.callspec.id, changes=len(changes),
           alerts=flow.sent, rows=len(found))  # fmt: skip
    assert found == set(range(flow.sent))
    assert current >= set(range(since, flow.sent))
    assert (state["written"], state["refused"], state["dropped"]) == (flow.sent, 0, 0)
    # No change is reported twice; two that follow each other closely may be found as one.
    assert 0 < caplog.text.count("since its last checkpoint are written again") <= len(changes)


def test_no_alert_is_missing_when_the_logger_is_killed_as_well(mesh, tmp_path, request):
    """The file is moved, with its log, right before or after SIGKILL."""
    logger = LoggerProcess(mesh, tmp_path)
    logger.start()
    asides: list[Path] = []
    with (
        serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source,
        Flow(source).running() as flow,
    ):
        for number in range(2 * KILLS):
            assert eventually(lambda: len(logger.numbers()) > 20, 60)
            asides.append(tmp_path / f"aside-{number}")
            steps: list[Callable[[], Any]] = [
                lambda: moved_with_everything(logger.database, asides[-1]),
                logger.end,
            ]
            for step in steps if number % 2 else reversed(steps):
                step()
            logger.start()

    def numbers() -> set[int]:
        return set(logger.numbers()).union(*(numbers_in(aside, with_log=True) for aside in asides))

    assert eventually(lambda: len(numbers()) >= flow.sent, 60), (len(numbers()), flow.sent)
    report("SQLite file moved and logger killed", request.node.callspec.id, kills=2 * KILLS, alerts=flow.sent,
           rows=len(numbers()))  # fmt: skip
    logger.end()
    assert numbers() == set(range(flow.sent))


def test_a_table_of_a_laboratory_in_an_sqlite_file_loses_nothing_either(mesh, tmp_path):
    """An `SQLTable` with an engine of its own: rows wait until somebody makes the table in the new file."""
    path = tmp_path / "values.sqlite"
    create = "CREATE TABLE IF NOT EXISTS readings (id INTEGER PRIMARY KEY, timestamp TEXT, value FLOAT)"

    def make_table() -> None:
        with sqlite3.connect(path, timeout=20) as connection:
            connection.execute(create)
        connection.close()

    def values(file: Path) -> list[float]:
        with sqlite3.connect(file, timeout=20) as connection:
            found = connection.execute("SELECT value FROM readings ORDER BY id").fetchall()
        connection.close()
        return [value for (value,) in found]

    make_table()
    table = {
        "name": mesh.name("readings"), "module": "SQLTable", "table_name": "readings",
        "required_insert_names": ["timestamp", {"column": "value", "payload_key": "value_raw"}],
    }  # fmt: skip
    logger = PostgresSensorLogger(
        name=mesh.name("logger"), durable=True, insertion_table_endpoint_name=table["name"], database_name="x",
        database_server="y", alert_keys=["sensor_value.#"], endpoints=[table], heartbeat_interval_s=0,
        spool_directory=str(tmp_path / "spool"), **mesh.login,
    )  # fmt: skip
    logger.engine = make_engine(read_url(f"sqlite:///{path}"))
    with (
        serving(logger),
        serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source,
        Flow(source).running() as flow,
    ):
        assert eventually(lambda: logger.on_get()["written"] > 20, 30)
        moved(path, tmp_path / "aside")
        assert eventually(lambda: "no table 'readings'" in logger.on_get()["database"], 30), logger.on_get()
        make_table()
        assert eventually(lambda: logger.on_get()["database"] == "ok", 30)
        flow._done.set()
        flow._thread.join()
        assert eventually(lambda: logger.on_get()["written"] >= flow.sent, 60), (logger.on_get(), flow.sent)
    first, second = values(tmp_path / "aside"), values(path)
    assert sorted({*first, *second}) == list(range(flow.sent))
    assert len(set(second)) == len(second)
