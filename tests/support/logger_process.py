"""A `SensorLogger` in a process of its own, which tests kill, start again and measure."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy
from contract.meshes import Mesh

from dripline.core import Interface
from support.waiting import eventually

START_S = 120.0


class LoggerProcess:
    """A durable logger as `dl-serve` runs it.

    Args:
        mesh: The mesh.
        folder: For its files.
        database_url: Where it writes; an SQLite file by default.
        **configuration: Further keys of its configuration.

    Attributes:
        name: The name of the service.
        database: The SQLite file.
        peak_mb: The most memory that one of its processes has taken, of those that were ended.
    """

    def __init__(self, mesh: Mesh, folder: Path, database_url: str = "", **configuration: Any) -> None:
        self.name = mesh.name("logger")
        self.database = folder / "values.sqlite"
        self.peak_mb = 0.0
        self._mesh = mesh
        self._is_sqlite = not database_url
        database_url = database_url or f"sqlite:///{self.database}"
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

    def start(self) -> None:
        """Start it, and wait until it consumes."""
        assert self._process is None, "it is running"
        with self._log.open("wb") as log:
            words = [sys.executable, "-m", "dripline.cli.dl_serve", "-c", str(self._file)]
            self._process = process = subprocess.Popen(words, stderr=log, env=self._environment)
        eventually(lambda: " serves " in self.log or process.poll() is not None, START_S)
        assert " serves " in self.log, self.log

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it with a signal, if it is running."""
        if self._process is not None:
            self.peak_mb = max(self.peak_mb, self.memory_mb("VmHWM"))
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Its memory in megabytes: VmRSS is that of the moment, VmHWM the most it ever had."""
        assert self._process is not None, "it is not running"
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else 0.0  # one that has just died has none

    def wait_for_rows_in_memory(self, count: int) -> None:
        """Wait until so many rows are in its memory."""
        with Interface(timeout_s=20, **self._mesh.login) as client:
            assert eventually(lambda: client.get(self.name)["in_memory"] >= count, 60), client.get(self.name)

    def count(self) -> int:
        """How many rows there are; cheap in an SQLite file from which none was deleted."""
        found = self._select("max(id)")
        return (found[0][0] or 0) if found else 0

    def numbers(self) -> list[int]:
        """The number of each row, in the order in which they were written."""
        return [number for number, _ in self.rows()]

    def rows(self) -> list[tuple[int, int]]:
        """The number and the length of the payload of each row, in the order in which they were written."""
        found = self._select("value_raw, length(CAST(payload AS TEXT))", " ORDER BY id")
        return [(int(number), length) for number, length in found]

    def _select(self, what: str, order: str = "") -> list[Any]:
        if self._is_sqlite and not self.database.exists():  # reading would make an empty one
            return []
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(sqlalchemy.text(f"SELECT {what} FROM sensor_values{order}")))
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
