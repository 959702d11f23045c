"""A durable logger under everything at once: alerts of bytes and megabytes, kills, broker and database restarts.

``DRIPLINE_TEST_FULL=1`` plays many long plans; a short one on each broker unless that is set.
"""

from __future__ import annotations

import random
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from contract.meshes import Mesh, serving
from reports import FULL, report
from restarting import Restarting
from support.logger_process import LoggerProcess
from support.postgres import Cluster, running_cluster
from support.waiting import eventually

from dripline.core import MsgAlert, Service

PLANS, STEPS = (20, 30) if FULL else (1, 16)
PATIENCE_S = 180.0
#: Most memory of a logger, in MB, whatever the sizes of alerts and however many wait; docs/limits.md says it.
BOUND_MB = 300

_FAULTS = ("kill the logger", "restart the broker", "stop the database", "start the database")


def plan(seed: int) -> list[str | list[int]]:
    """Choose steps by chance: faults, and lists of sizes of alerts to send, as many small ones as large ones."""
    chance = random.Random(seed)
    return [
        [int(10 ** chance.uniform(1, 6.7)) for _ in range(chance.randint(1, 20))]
        if chance.random() < 0.6
        else chance.choice(_FAULTS)
        for _ in range(STEPS)
    ]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that the tests may stop."""
    with running_cluster() as cluster:
        yield cluster


class Scene:
    """A sender, a logger and its database, and what was sent."""

    def __init__(self, restarting: Restarting, mesh: Mesh, cluster: Cluster, folder: Path) -> None:
        self.sent: dict[int, int] = {}
        self.logger = LoggerProcess(mesh, folder, cluster.url)
        self.source = Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)
        self._restarting = restarting
        self._cluster = cluster
        self._database_runs = True

    def play(self, plan: list[str | list[int]]) -> None:
        """Do one step after the other, and put everything right at the end."""
        self.logger.start()
        for step in plan:
            if isinstance(step, list):
                self._send(step)
            else:
                {
                    "kill the logger": self._kill_logger,
                    "restart the broker": self._restarting.restart,
                    "stop the database": self._stop_database,
                    "start the database": self._start_database,
                }[step]()
        self._start_database()

    def wait(self) -> list[tuple[int, int]]:
        """Return the rows when there are as many as alerts."""
        rows = self.logger.rows
        assert eventually(lambda: len(rows()) >= len(self.sent), PATIENCE_S), (
            f"{len(rows())} of {len(self.sent)} rows; {self.logger.log}"
        )
        return rows()

    def _send(self, sizes: list[int]) -> None:
        for size in sizes:
            number = len(self.sent)
            alert = MsgAlert.create({"value_raw": number, "text": "x" * size}, "sensor_value.number")
            assert self.source.send(alert).successful_send
            self.sent[number] = size

    def _kill_logger(self) -> None:
        self.logger.end(signal.SIGKILL)
        self.logger.start()

    def _stop_database(self) -> None:
        if self._database_runs:
            self._cluster.stop()
        self._database_runs = False

    def _start_database(self) -> None:
        if not self._database_runs:
            self._cluster.start()
        self._database_runs = True


@pytest.mark.timeout(600 + 300 * PLANS)
def test_rows_equal_confirmed_alerts_and_memory_is_bounded(restarting, cluster, tmp_path, request) -> None:
    """Whatever happens in whatever order: each alert is one row, whole, and none is in memory beyond the bound."""
    sent, peak_mb = 0, 0.0
    for seed in range(2, 2 + PLANS):
        address = restarting.address
        settings = {"broker": address.host, "broker_port": address.port, "max_payload_size": 100_000}
        mesh = Mesh(address, settings, uuid.uuid4().hex[:10])
        folder = tmp_path / str(seed)
        folder.mkdir()
        scene = Scene(restarting, mesh, cluster, folder)
        with scene.logger:
            with serving(scene.source):
                scene.play(plan(seed))
                rows = scene.wait()
            scene.logger.end(signal.SIGTERM)
        drop_table(cluster)
        delete_queue(mesh, f"{scene.logger.name}.alerts")
        assert sorted(number for number, _ in rows) == sorted(scene.sent), f"plan {seed}"
        assert [number for number, length in rows if length < scene.sent[number]] == [], f"plan {seed}"
        sent += len(rows)
        peak_mb = max(peak_mb, scene.logger.peak_mb)
    report(
        "durable logger: kills, restarts of broker and database, alerts of 10 B to 5 MB",
        request.node.callspec.id,
        plans=PLANS,
        sent=sent,
        rows=sent,
        peak_memory=f"{peak_mb:.0f} MB",
    )
    assert peak_mb < BOUND_MB


def drop_table(cluster: Cluster) -> None:
    """Take the logger's table away."""
    engine = sqlalchemy.create_engine(cluster.url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS sensor_values"))


def delete_queue(mesh: Mesh, name: str) -> None:
    """Delete a durable queue."""
    with mesh.pika() as connection:
        connection.channel().queue_delete(name)
