"""A logger with a queue that collects for it, killed again and again while alerts flow.

The full count of kills is run with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from contract.meshes import fresh_mesh, serving
from reports import FULL, report
from support.waiting import eventually

from dripline.core import MsgAlert, Service

KILLS = 10 if FULL else 2
PAUSE_S = 1.5


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh
        with mesh.pika() as connection:
            connection.channel().queue_delete(f"{mesh.name('logger')}.alerts")


class Logger:
    """A `SensorLogger` in a process of its own."""

    def __init__(self, mesh, folder):
        self.database = folder / "values.sqlite"
        settings = "".join(f"  {key}: {value}\n" for key, value in mesh.settings.items())
        self._file = folder / "logger.yaml"
        self._file.write_text(
            f"name: {mesh.name('logger')}\nmodule: SensorLogger\ndurable: true\n"
            f"database_url: sqlite:///{self.database}\nspool_directory: {folder}/spool\ndripline_mesh:\n{settings}"
        )
        self._log = folder / "log"
        self._environment = {**os.environ, "HOME": str(folder)}

    def start(self):
        """Start, and wait until it listens."""
        self._log.write_text("")
        with self._log.open("wb") as log:
            words = [sys.executable, "-m", "dripline.cli.serve", "-c", str(self._file)]
            self._process = subprocess.Popen(words, stderr=log, env=self._environment)
        assert eventually(lambda: " serves " in self._log.read_text(), 60), self._log.read_text()

    def end(self, number=signal.SIGKILL):
        """Send a signal."""
        self._process.send_signal(number)
        self._process.wait(60)

    def numbers(self):
        """What stands in the table, in the order in which it was written."""
        if not self.database.exists():
            return []
        with sqlite3.connect(self.database, timeout=20) as database:
            try:
                rows = database.execute("select value_raw from sensor_values order by rowid").fetchall()
            except sqlite3.OperationalError:  # the table is not there yet
                return []
        return [int(value) for (value,) in rows]


def test_no_alert_is_missing_from_its_table(mesh, tmp_path, request):
    """And none stands there twice, though those in hand at each kill came again."""
    logger = Logger(mesh, tmp_path)
    logger.start()
    done = threading.Event()
    sent = 0
    with serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source:

        def flow():
            nonlocal sent
            while not done.is_set():
                source.send(MsgAlert.create({"value_raw": sent}, "sensor_value.number"))
                sent += 1
                time.sleep(0.001)

        flowing = threading.Thread(target=flow)
        flowing.start()
        try:
            for _ in range(KILLS):
                time.sleep(PAUSE_S / 3)
                logger.end()
                time.sleep(PAUSE_S / 3)
                logger.start()
        finally:
            done.set()
            flowing.join()
        try:
            assert eventually(lambda: len(logger.numbers()) >= sent, 30), (len(logger.numbers()), sent)
            rows = logger.numbers()
            report("SIGKILL of a durable logger", request.node.callspec.id, kills=KILLS, sent=sent, rows=len(rows))
            assert sorted(rows) == list(range(sent))
        finally:
            logger.end(signal.SIGTERM)
