"""The services of the packages, running in one environment on one broker."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Running

from compat.installing import PACKAGES, Environment, surroundings
from dripline.core import Interface
from dripline.errors import ErrorReply
from dripline.simulation import Instrument
from dripline.transport.address import BrokerAddress

# The configurations, by the name a test uses; those that others ask when they start come first.
FIRST = {"source": "relay/source.yaml"}
REST = {
    "version5": "version5/service.yaml",
    "version4": "version4/service.yaml",
    "entry_points": "entry_points/service.yaml",
    "secrets": "secrets/service.yaml",
    "bindings": "bindings/service.yaml",
    "relay": "relay/service.yaml",
    "control": "control/service.yaml",
    "instruments": "instruments/service.yaml",
    "module_path": "module_path/service.yaml",
}
# What the service of `instruments` talks to.
SUPPLY = {
    "name": "supply",
    "port": 0,
    "command_terminator": "\n",
    "response_terminator": "\n",
    "identity": "Lab,Supply,1,2",
    "values": {"VOLT": {"initial": 1.5}, "CURR": {"initial": 0.5}},
}
PATIENCE_S = 120.0


@dataclass
class Laboratory:
    """Starts services when they are first asked for.

    Attributes:
        environment: what is installed.
        address: the broker.
        home: the home folder of all processes, with the mesh file.
        tail: makes the names of services and endpoints nobody else's.
        supply: a simulated device.
    """

    environment: Environment
    address: BrokerAddress
    home: Path
    tail: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    running: dict[str, Running] = field(default_factory=dict)
    supply: Instrument = field(default_factory=lambda: Instrument(SUPPLY))

    def __post_init__(self) -> None:
        self.mesh = {
            "broker": self.address.host,
            "broker_port": self.address.port,
            "virtual_host": self.address.virtual_host,
        }
        self.home.mkdir(parents=True)
        (self.home / ".dripline_mesh.yaml").write_text(json.dumps(self.mesh))

    def named(self, name: str) -> str:
        """The name of a service or endpoint here: `probe_@` in the configuration is `probe` in a test."""
        return f"{name}_{self.tail}"

    def open(self) -> None:
        """Start all services, those that others ask first."""
        self.supply.start()
        for stage in (FIRST, REST):
            for name, configuration in stage.items():
                self.running[name] = self.start(configuration, *_WORDS.get(name, ()))
            for name in stage if stage is FIRST else ():
                self.wait_for(name)

    def close(self) -> None:
        """End all services, together."""
        for service in self.running.values():
            service.process.terminate()
        for service in self.running.values():
            try:
                service.process.wait(30)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait()
        self.supply.stop()

    def start(self, configuration: str, *words: str) -> Running:
        """Start `dl-serve` with one of the configurations, in a folder with the files that stand beside it.

        The folders beside it are left behind: the working folder is on the import path, the sources shall not be.
        """
        source = PACKAGES / configuration
        folder = self.home / source.parent.name
        folder.mkdir(exist_ok=True)
        for file in source.parent.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        text = source.read_text().replace("@", self.tail)
        if "PORT" in text:
            text = text.replace("PORT", str(self.supply.address[1]))
        (folder / source.name).write_text(text)
        stem = folder / uuid.uuid4().hex
        streams = stem.with_suffix(".out"), stem.with_suffix(".err")
        with streams[0].open("wb") as out, streams[1].open("wb") as err:
            process = subprocess.Popen(
                [str(self.environment.python), "-m", "dripline.cli.dl_serve", "-c", source.name, *words],
                cwd=folder,
                env=surroundings({"HOME": str(self.home)}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return Running(process, *streams)

    def wait_for(self, name: str) -> Running:
        """Return when a service serves; fail with what it said when it ends before."""
        service = self.running[name]
        deadline = time.monotonic() + PATIENCE_S
        while " serves " not in service.stderr:
            assert service.process.poll() is None, (
                f"{name} ended with {service.process.returncode}: {service.stderr}"
            )
            assert time.monotonic() < deadline, f"{name} does not serve: {service.stderr}"
            time.sleep(0.02)
        return service

    def dl_agent(self, *words: str) -> dict:
        """What `dl-agent` prints as JSON."""
        done = self.environment.run("-m", "dripline.cli.dl_agent", *words, HOME=str(self.home))
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def script(self, name: str, *words: str) -> dict:
        """Run one of the scripts, and give what it printed."""
        done = self.environment.run(str(PACKAGES / "scripts" / name), *words, HOME=str(self.home))
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Client:
    """Asks the endpoints of a laboratory by the names that tests use."""

    interface: Interface
    laboratory: Laboratory

    def get(self, name: str, specifier: str | None = None) -> Any:
        """The payload of a get."""
        return self.interface.get(self.laboratory.named(name), specifier)

    def set(self, name: str, value: Any, specifier: str | None = None) -> Any:
        """The payload of a set."""
        return self.interface.set(self.laboratory.named(name), value, specifier)

    def cmd(self, name: str, method: str, *arguments: Any, **keywords: Any) -> Any:
        """What a method returns."""
        return self.interface.cmd(self.laboratory.named(name), method, arguments, keywords)

    def refusal(self, operation: str, *arguments: Any, **keywords: Any) -> tuple[int, str]:
        """Return code and message of something that is refused."""
        with pytest.raises(ErrorReply) as caught:
            getattr(self, operation)(*arguments, **keywords)
        return caught.value.return_code, caught.value.message


_WORDS = {"secrets": ("--auth-file", "authentications.json")}
