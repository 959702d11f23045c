"""The mesh of `dl demo`: files, simulated instruments, one process per service."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dripline.config.suggest import pip_install
from dripline.errors import ConfigurationError

if TYPE_CHECKING:
    from dripline.simulation import Instrument

_INSTRUMENTS = ("power_supply.yaml", "thermometer.yaml")
_SERVICES = (
    "power-supply-service.yaml",
    "thermometer-service.yaml",
    "key-value-store.yaml",
    "jitter.yaml",
    "watchdog.yaml",
    "sensor-logger.yaml",
)
#: Where the description of an instrument says that it listens.
_PORTS = {"power_supply.yaml": 5025, "thermometer.yaml": 5026}
_HEARTBEATS = "heartbeat_interval_s: 1    # watchdog.yaml warns after 5 s without one\n"
_DATABASE = "slow_controls.sqlite"
#: What the services say.
LOG = "demo.log"


@dataclass
class DemoMesh:
    """The files of the demonstration.

    Attributes:
        folder: where they are.
        instruments: by file, those that run.
        left_out: what cannot run here, and why.
    """

    folder: Path
    instruments: dict[str, Instrument] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path | None:
        """The file with the logged values."""
        return None if self._lacks_database() else self.folder.resolve() / _DATABASE

    def services(self) -> list[str]:
        """The files of the services that can run here."""
        names = [name for name in _SERVICES if name != "sensor-logger.yaml" or not self._lacks_database()]
        return [str(self.folder / name) for name in names]

    def write(self) -> None:
        """Put the files into the folder; those that are there stay, for they may have been changed.

        Raises:
            ConfigurationError: the folder cannot be made or written.
        """
        with self._folder_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            for source in sorted((Path(__file__).parent / "demo_files").iterdir()):
                target = self.folder / source.name
                if source.suffix in (".yaml", ".py", ".md") and not target.exists():
                    shutil.copyfile(source, target)
                    if source.name in _SERVICES:
                        with target.open("a", encoding="utf-8") as file:
                            file.write(_HEARTBEATS)
            logger_file = self.folder / "sensor-logger.yaml"
            text = logger_file.read_text(encoding="utf-8")
            here = json.dumps(str(self.folder.resolve()), ensure_ascii=False).strip('"')  # as in quoted YAML
            for key in ('"sqlite:///', 'spool_directory: "'):  # relative names would lead to the working folder
                text = text.replace(key, f"{key}{here}/") if f"{key}/" not in text else text
            logger_file.write_text(text, encoding="utf-8")
            if self._lacks_database():
                self.left_out.append(f"the logger: {pip_install('sql')}")

    @contextmanager
    def log(self) -> Iterator[IO[bytes]]:
        """The file that the services write their log to; as long as it is open the folder is this mesh's alone.

        Raises:
            ConfigurationError: another demonstration runs in the folder, or it cannot be written.
        """
        with self._folder_errors():
            file = (self.folder / LOG).open("ab")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigurationError(
                    f"--folder: a demonstration runs in {self.folder}; name another"
                ) from None
            yield file

    @contextmanager
    def running_instruments(self) -> Iterator[None]:
        """Run the instruments, each at its usual port or at a free one where that is taken; services are told."""
        with ExitStack() as stack:
            for file in _INSTRUMENTS:
                instrument = self._instrument(file)
                stack.callback(instrument.stop)
                self.instruments[file] = instrument
                with self._folder_errors():
                    self._write_port(file, instrument.address[1])
            yield

    def _instrument(self, file: str) -> Instrument:
        from dripline.simulation import Instrument

        try:
            return Instrument.from_file(self.folder / file, _PORTS[file]).start()
        except ConfigurationError:  # a fault in the file itself is told by the second attempt
            return Instrument.from_file(self.folder / file, 0).start()

    def _write_port(self, file: str, port: int) -> None:
        service = self.folder / file.replace(".yaml", "-service.yaml").replace("_", "-")
        text = service.read_text(encoding="utf-8")
        # In a folder that was kept the port is that of the last time.
        told = re.sub(r"(socket_info: \[localhost, )\d+\]", rf"\g<1>{port}]", text)
        if told != text:
            service.write_text(told, encoding="utf-8")

    @contextmanager
    def _folder_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigurationError(
                f"--folder: {error.filename or self.folder}: {reason}; name another"
            ) from error

    @staticmethod
    def _lacks_database() -> bool:
        return importlib.util.find_spec("sqlalchemy") is None


def free_port() -> int:
    """A port at which nobody listens just now."""
    with socket.create_server(("localhost", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
