"""The commands as a user runs them: real processes, on the embedded broker and on RabbitMQ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from contract.conftest import BrokerAddress, embedded, rabbitmq  # noqa: F401  # fixtures
from support import ports

MODULES = {
    "dl": "dripline.cli.dl",
    "dl-agent": "dripline.cli.dl_agent",
    "dl-http-server": "dripline.cli.web",
    "dl-mon": "dripline.cli.dl_mon",
    "dl-serve": "dripline.cli.dl_serve",
}
PATIENCE_S = 240.0  # of a command that hangs; on a busy machine Python alone takes half a minute to start
# Hundreds of processes are started: compiled modules are kept for all of them, as an installation does.
COMPILED = tempfile.TemporaryDirectory(prefix="dripline-compiled-")


@dataclass
class Running:
    """A command that runs; what it prints goes to files, so that no full pipe stops it."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path

    @property
    def stdout(self) -> str:
        """Standard output so far."""
        return self.out_file.read_text()

    @property
    def stderr(self) -> str:
        """Standard error so far."""
        return self.err_file.read_text()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when something holds; fail when the command ends before, or it takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.stderr}"
            assert time.monotonic() < deadline, f"still not so: {self.stdout}{self.stderr}"
            time.sleep(0.02)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@dataclass
class Shell:
    """Runs commands in a folder of their own, with an own home."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(exist_ok=True)

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.folder / "home"

    def write(self, name: str, text: str) -> str:
        """Write a file, and give its name as a user types it."""
        (self.folder / name).write_text(text)
        return name

    def run(self, command: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", MODULES[command], *words],
            cwd=self.folder,
            env=self._surroundings(variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def start(self, command: str, *words: str, **variables: str) -> Running:
        """Start a command that goes on running."""
        stem = self.folder / uuid.uuid4().hex
        files = stem.with_suffix(".out"), stem.with_suffix(".err")
        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULES[command], *words],
                cwd=self.folder,
                env=self._surroundings(variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        running = Running(process, *files)
        self.started.append(running)
        return running

    def close(self) -> None:
        """End everything that was started and still runs."""
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()

    def _surroundings(self, variables: dict[str, str]) -> dict[str, str]:
        left_out = ("DRIPLINE_", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        own = {"HOME": str(self.home), "PYTHONPYCACHEPREFIX": COMPILED.name}
        return {**inherited, **own, **self.environment, **variables}


@pytest.fixture
def shell(tmp_path) -> Iterator[Shell]:
    """A shell without any settings."""
    fresh = Shell(tmp_path)
    yield fresh
    fresh.close()


@pytest.fixture(scope="session", params=["embedded", "rabbitmq"])
def address(request) -> BrokerAddress:
    """Each broker in turn."""
    return request.getfixturevalue(request.param)


def write_mesh_file(shell: Shell, address: BrokerAddress) -> None:
    """Let the user's mesh file name a broker, as it does in a laboratory."""
    (shell.home / ".dripline_mesh.yaml").write_text(
        f"broker: {address.host}\nbroker_port: {address.port}\nvirtual_host: {address.virtual_host}\n"
    )


@pytest.fixture
def mesh(shell, address) -> Shell:
    """A shell whose user has a mesh."""
    write_mesh_file(shell, address)
    return shell


@dataclass(frozen=True)
class Store:
    """A service that runs all the time.

    Attributes:
        name: the service.
        peaches: calibrated by `2*{}`, logs every second, 0.75 at first.
        chips: not calibrated.
        status: calibrated by a table: `on` and `off`.
    """

    name: str
    peaches: str
    chips: str
    status: str


SERVICE = """\
name: {name}
module: Service
heartbeat_interval_s: 1
endpoints:
  - name: {peaches}
    module: KeyValueStore
    calibration: '2*{{}}'
    initial_value: 0.75
    log_interval: 1
    get_on_set: true
  - name: {chips}
    module: KeyValueStore
    initial_value: 1.75
  - name: {status}
    module: KeyValueStore
    initial_value: CLOSE
    calibration: {{CLOSE: "on", OPEN: "off"}}
"""


def new_store() -> tuple[Store, str]:
    """A service with names nobody else has, and its configuration."""
    tail = uuid.uuid4().hex[:8]
    store = Store(*(f"{label}_{tail}" for label in ("my_store", "peaches", "chips", "status")))
    return store, SERVICE.format(**vars(store))


@pytest.fixture(scope="session")
def store(address, tmp_path_factory) -> Iterator[Store]:
    """The service, running."""
    shell = Shell(tmp_path_factory.mktemp("store"))
    write_mesh_file(shell, address)
    store, configuration = new_store()
    running = shell.start("dl-serve", "-c", shell.write("store.yaml", configuration))
    try:
        running.wait_until(lambda: "serves 3 endpoints" in running.stderr)
        yield store
    finally:
        shell.close()


@pytest.fixture
def free_port() -> int:
    """A port where nobody listens."""
    return ports.free_port()
