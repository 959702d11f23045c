"""Commands and scripts that wait without a time limit, as real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import PATIENCE_S, Running, Shell

VALVE = """\
import pathlib
import time

from dripline.core import Endpoint


class Valve(Endpoint):
    def __init__(self, folder, **kwargs):
        Endpoint.__init__(self, **kwargs)
        self.folder = pathlib.Path(folder)

    def on_get(self):
        (self.folder / "begun").touch()
        while not (self.folder / "go_on").exists():
            time.sleep(0.02)
        return "open"
"""

SERVICE = """\
name: house_{name}
module: Service
stop_grace_s: 1
endpoints:
  - name: {name}
    module: Valve
    module_path: {folder}/valve.py
    folder: {folder}
"""


@dataclass
class House:
    """A running service with an endpoint whose handler goes on until the file `go_on` exists."""

    shell: Shell
    valve: str
    service: Running

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.shell.folder

    def ask(self, *words: str) -> Running:
        """Start a command, and wait until the handler has begun."""
        waiting = self.shell.start(*words)
        waiting.wait_until((self.folder / "begun").exists)
        return waiting


@pytest.fixture
def house(mesh: Shell) -> Iterator[House]:
    """The service; its handler ends with the test."""
    name = f"valve_{uuid.uuid4().hex[:8]}"
    mesh.write("valve.py", VALVE)
    path = mesh.write("house.yaml", SERVICE.format(name=name, folder=mesh.folder))
    running = mesh.start("dl-serve", "-c", path)
    running.wait_until(lambda: "serves 1 endpoint" in running.stderr)
    yield House(mesh, name, running)
    (mesh.folder / "go_on").touch()


def test_a_time_limit_of_0_is_none(house):
    """`dl-agent` waits for 10 s by default; here the handler takes longer."""
    waiting = house.ask("dl-agent", "-t", "0", "get", house.valve, "--json-print")
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.process.wait(11)
    (house.folder / "go_on").touch()
    assert waiting.process.wait(PATIENCE_S) == 0
    assert json.loads(waiting.stdout)["payload"] == "open"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_ends_on_a_signal(house, number):
    """Without a traceback."""
    waiting = house.ask("dl-agent", "-t", "0", "get", house.valve)
    assert waiting.end(number) != 0
    assert "Traceback" not in waiting.stderr


def test_a_wait_ends_with_the_service(house):
    """Which was killed, and could not say goodbye."""
    waiting = house.ask("dl-agent", "-t", "0", "get", house.valve)
    house.service.process.kill()
    assert waiting.process.wait(PATIENCE_S) == 1
    assert "[102 amqp_error_routingkey_notfound]" in waiting.stderr
    assert waiting.stderr.count("\n") == 1


def test_a_service_with_a_slow_handler_ends_on_sigterm(house):
    """Although somebody waits for it without a time limit."""
    waiting = house.ask("dl-agent", "-t", "0", "get", house.valve)
    assert house.service.end(signal.SIGTERM) == 0
    assert waiting.process.wait(PATIENCE_S) == 1
