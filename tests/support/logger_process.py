"""A `SensorLogger` in a process of its own, which tests kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy
from contract.meshes import Mesh

from support.waiting import eventually

START_S = 120.0


class LoggerProcess:
    """A durable logger as `dl-serve` runs it.

    Args:
        mesh: The mesh.
        folder: For its files.
        database_url: Where it writes.
        **configuration: Further keys of its configuration.

    Attributes:
        name: The name of the service.
        peak_mb: The most memory that one of its processes has taken, up to the last `measure`.
    """

    def __init__(self, mesh: Mesh, folder: Path, database_url: str, **configuration: Any) -> None:
        self.name = mesh.name("logger")
        self.peak_mb = 0.0
        self._engine = sqlalchemy.create_engine(database_url, poolclass=sqlalchemy.NullPool)
        self._file = folder / "logger.yaml"
        keys = {
            "name": self.name,
            "module": "SensorLogger",
            "durable": True,
            "database_url": database_url,
            "spool_directory": str(folder / "spool"),
            **configuration,
            "dripline_mesh": mesh.settings,
        }
        self._file.write_text("".join(f"{key}: {_yaml(value)}\n" for key, value in keys.items()))
        self._log = folder / "logger.log"
        self._environment = {**os.environ, "HOME": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What its last process has logged."""
        return self._log.read_text(errors="replace")

    def start(self, *, wait: bool = True) -> None:
        """Start it.

        Args:
            wait: Whether to wait until it consumes; it cannot without a broker.
        """
        assert self._process is None, "it is running"
        with self._log.open("wb") as log:
            words = [sys.executable, "-m", "dripline.cli.serve", "-c", str(self._file)]
            self._process = subprocess.Popen(words, stderr=log, env=self._environment)
        if wait:
            process = self._process
            eventually(lambda: " serves " in self.log or process.poll() is not None, START_S)
            assert " serves " in self.log, self.log

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it with a signal."""
        if self._process is not None:
            self.measure()
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def measure(self) -> float:
        """Return the most memory that this process has taken, in MB."""
        assert self._process is not None, "it is not running"
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak_mb = next(
            (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0
        )
        self.peak_mb = max(self.peak_mb, peak_mb)
        return peak_mb

    def rows(self) -> list[tuple[int, int]]:
        """The number and the length of the payload of each row, in the order in which they were written."""
        text = "SELECT value_raw, length(CAST(payload AS TEXT)) FROM sensor_values ORDER BY id"
        try:
            with self._engine.connect() as connection:
                return [(int(number), length) for number, length in connection.execute(sqlalchemy.text(text))]
        except sqlalchemy.exc.DBAPIError:  # no table yet, or the database is not there
            return []

    def __enter__(self) -> LoggerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)
