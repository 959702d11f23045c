"""A PostgreSQL server of the tests' own, that can be stopped and started, on the programs that are installed."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.ports import free_port

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_USER = "dripline_tests"


class Cluster:
    """A server with a data directory and a port of its own; superuser without a password.

    Args:
        programs: Folder of ``initdb`` and ``pg_ctl``.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="dripline-postgres-"))
        self.port = free_port()
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, pwd.getpwnam("postgres").pw_uid)
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync")
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nfsync = off\n")
            file.write(f"unix_socket_directories = '{self.folder}'\nlogging_collector = off\n")

    @property
    def url(self) -> str:
        """Where it is, as SQLAlchemy writes it."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it; it can be used when this returns."""
        self._run("pg_ctl", "-w", "-t", "150", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: ``immediate`` as a crash does, ``fast`` in good order."""
        self._run("pg_ctl", "-w", "-t", "150", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop it and take its files away."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_user, str(self._programs / program), "-D", str(self.folder / "data"), *words]
        # Not to a pipe: the server would inherit it, and keep it open.
        with (self.folder / "programs").open("ab") as output:
            done = subprocess.run(command, stdout=output, stderr=output, timeout=180, cwd="/")
        assert done.returncode == 0, (self.folder / "programs").read_text()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Make a cluster, start it, and remove it at the end."""
    cluster = _new_cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def _new_cluster() -> Cluster:
    """Make a cluster, not started; the test is skipped, or fails in CI, when PostgreSQL is not installed."""
    found = sorted(folder for pattern in _FOLDERS for folder in glob.glob(pattern))
    beside = shutil.which("pg_ctl")
    folders = [*reversed(found), *([str(Path(beside).parent)] if beside else [])]
    for folder in folders:
        if (Path(folder) / "initdb").exists():
            return Cluster(Path(folder))
    missing = "needs the programs of a PostgreSQL server (initdb, pg_ctl)"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
    raise AssertionError("skip and fail raise")
