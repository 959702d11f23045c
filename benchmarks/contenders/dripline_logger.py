"""The sensor logger. Arguments: target, address of a database; an SQLite file of its own when that is empty."""

import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.target import Target
from benchmarks.worker import take_orders
from dripline.implementations import SensorLogger


class Logger:
    """A logger that is started for each run, with a table of its own."""

    def __init__(self, target: Target, url: str, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._url = url or f"sqlite:///{folder / 'values.sqlite'}"

    def run(self, count: int) -> float:
        """Start when ``count`` is 0; else return the seconds until as many rows are committed, and stop."""
        if not count:
            self._logger = self._started()
            return 0.0
        start = time.perf_counter()
        while self._logger.on_get()["written"] < count:
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        self._drop()
        return seconds

    def _started(self) -> SensorLogger:
        target, suffix = self._target, uuid.uuid4().hex[:8]
        logger = SensorLogger(
            name=f"logger_{suffix}",
            database_url=self._url,
            table_name=f"benchmark_{suffix}",
            spool_directory=str(self._folder / suffix),
            dripline_mesh=target.mesh(),
            username=target.username,
            password=target.password,
        )
        self._table = f"benchmark_{suffix}"
        logger.start()
        return logger

    def _drop(self) -> None:
        with self._logger.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {self._table}")
        self._logger.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        take_orders(Logger(Target.from_text(sys.argv[1]), sys.argv[2], Path(scratch)).run)
