"""How many source files of ours a warm get enters, and an alert on its way to its SQLite row.

Client, service and logger run in one process, the embedded broker in another one; whatever thread works for the
message counts. ``python -m benchmarks.files_entered get HOST PORT`` lists the files and the functions entered.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import dripline
from benchmarks.rounds import NotMeasured, Row
from benchmarks.target import Target
from benchmarks.worker import Worker

_ROOT = str(Path(dripline.__file__).parent.parent)
_PACKAGES = tuple(os.path.join(_ROOT, name, "") for name in ("dripline", "scarab", "_dripline"))
_WORK = {"get": "a warm get", "alert": "an alert to its SQLite row"}
_WARM_UPS = 3
_AFTERMATH_S = 0.15  # acknowledgements and timers that belong to it
_PATIENCE_S = 30.0

Entered = dict[str, list[str]]  # functions by file


def measure(_target: Target, rounds: int) -> list[Row]:
    """Count the files for both kinds of work, on an embedded broker whatever the target is."""
    found = []
    with Worker("embedded_broker") as broker:
        for kind, work in _WORK.items():
            command = [sys.executable, "-m", "benchmarks.files_entered", kind, "127.0.0.1", broker.greeting]
            run = subprocess.run([*command, str(rounds)], stdout=subprocess.PIPE, text=True, check=False)
            if run.returncode:
                raise NotMeasured(f"{work} ended with exit code {run.returncode}")
            found.append(Row(work, "dripline", len(json.loads(run.stdout)), "files", 1.0, "dripline"))
    return found


class Recorder:
    """Sees which functions of ours are entered, on threads that are started after it."""

    def __init__(self) -> None:
        self._functions: dict[str, set[str]] = {}
        self._is_on = False
        threading.setprofile(self._enter)
        sys.setprofile(self._enter)

    def _enter(self, frame: FrameType, event: str, _argument: Any) -> None:
        if self._is_on and event == "call" and frame.f_code.co_filename.startswith(_PACKAGES):
            self._functions.setdefault(frame.f_code.co_filename, set()).add(frame.f_code.co_name)

    def record(self, work: Callable[[], object]) -> Entered:
        """Do some work; return what it has entered."""
        self._functions = {}
        self._is_on = True
        work()
        time.sleep(_AFTERMATH_S)
        self._is_on = False
        return {os.path.relpath(file, _ROOT): sorted(names) for file, names in sorted(self._functions.items())}


def entered(kind: str, mesh: dict[str, Any], rounds: int) -> Entered:
    """Do a kind of work several times; return what it enters at least."""
    recorder = Recorder()
    work = (_get if kind == "get" else _alert)(mesh)
    for _ in range(_WARM_UPS):
        work()
    return min((recorder.record(work) for _ in range(rounds)), key=len)


def _get(mesh: dict[str, Any]) -> Callable[[], object]:
    from dripline.core import Interface

    _serve_store(mesh)
    client = Interface(dripline_mesh=mesh, timeout_s=_PATIENCE_S)
    return lambda: client.get("store_0")


def _alert(mesh: dict[str, Any]) -> Callable[[], object]:
    from dripline.implementations import SensorLogger

    store = _serve_store(mesh)
    file = Path(tempfile.mkdtemp()) / "values.sqlite"
    logger = SensorLogger(
        name="logger", database_url=f"sqlite:///{file}", table_name="numeric_data", dripline_mesh=mesh
    )
    logger.start()

    def rows() -> int:
        with closing(sqlite3.connect(file)) as database:
            return int(database.execute("select count(*) from numeric_data").fetchone()[0])

    def log() -> None:
        before, deadline = rows(), time.monotonic() + _PATIENCE_S
        store.scheduled_log()
        while rows() == before:
            if time.monotonic() > deadline:
                raise TimeoutError("the row was not written")
            time.sleep(0.02)

    return log


def _serve_store(mesh: dict[str, Any]) -> Any:
    from dripline.core import Service
    from dripline.implementations import KeyValueStore

    service, store = Service(name="service", dripline_mesh=mesh), KeyValueStore(name="store_0", initial_value=1.0)
    service.add_child(store)
    service.start()
    return store


def main() -> None:
    """Measure, and print what was entered as JSON."""
    kind, host, port, *rounds = sys.argv[1:]
    found = entered(kind, {"broker": host, "broker_port": int(port)}, int(rounds[0]) if rounds else 7)
    print(json.dumps(found, indent=2), flush=True)
    os._exit(0)  # nobody waits for the services


if __name__ == "__main__":
    main()
