"""A logger in a process of its own, which tests kill and measure."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from support.waiting import eventually

from dripline.core import Interface


class Logger:
    """A durable `SensorLogger` in a process of its own.

    Args:
        mesh: its mesh.
        folder: for its files.
        **settings: further settings of the logger.
    """

    def __init__(self, mesh, folder, **settings):
        self._mesh = mesh
        self.database = folder / "values.sqlite"
        mesh_settings = "".join(f"  {key}: {value}\n" for key, value in mesh.settings.items())
        own_settings = "".join(f"{key}: {value}\n" for key, value in settings.items())
        self._file = folder / "logger.yaml"
        self._file.write_text(
            f"name: {mesh.name('logger')}\nmodule: SensorLogger\ndurable: true\n"
            f"database_url: sqlite:///{self.database}\nspool_directory: {folder}/spool\n"
            f"{own_settings}dripline_mesh:\n{mesh_settings}"
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

    @property
    def log(self):
        """What it has logged since it was started."""
        return self._log.read_text()

    def memory_mb(self, what="VmRSS"):
        """Its memory in megabytes: VmRSS is that of the moment, VmHWM the most it ever had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) / 1000

    def wait_for_rows_in_memory(self, count):
        """Wait until so many rows are in its memory."""
        with Interface(timeout_s=20, **self._mesh.login) as client:
            name = self._mesh.name("logger")
            assert eventually(lambda: client.get(name)["in_memory"] >= count, 60), client.get(name)

    def end(self, number=signal.SIGKILL):
        """Send a signal."""
        self._process.send_signal(number)
        self._process.wait(60)

    def count(self):
        """How many rows there are; cheap."""
        return self._select("select max(rowid) from sensor_values")[0][0] or 0

    def numbers(self):
        """What stands in the table, in the order in which it was written."""
        return [int(value) for (value,) in self._select("select value_raw from sensor_values order by rowid")]

    def _select(self, statement):
        if self.database.exists():
            opened = contextlib.closing(sqlite3.connect(self.database, timeout=20))
            with opened as database, contextlib.suppress(sqlite3.OperationalError):  # the table is not there yet
                return database.execute(statement).fetchall()
        return [(0,)] if "max" in statement else []
