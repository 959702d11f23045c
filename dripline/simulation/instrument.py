"""`SimulatedInstrument`: a described instrument with a TCP server."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from dripline.config.file import load_file
from dripline.config.source_map import SourceMap
from dripline.errors import ConfigurationError
from dripline.simulation.conversation import Conversation
from dripline.simulation.description import Description, read_description
from dripline.simulation.device import Device, Values
from dripline.simulation.faults import Faults
from dripline.simulation.server import Server

#: So many commands are remembered.
MOST_RECEIVED = 10000


class Instrument:
    """A simulated instrument, described as in a YAML file.

    Started, it answers any number of clients on TCP, in a thread of its own::

        with Instrument({"values": {"VOLTage": {"initial": 5, "unit": "V"}}}) as instrument:
            host, port = instrument.address

    Args:
        description: what stands in a file, see `docs/simulation.md`.

    Raises:
        ConfigurationError: a line for each mistake in the description.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._set_up(read_description(description))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], port: int | None = None) -> Instrument:
        """An instrument that a file describes.

        Args:
            path: a YAML or JSON file.
            port: where to listen, in place of what the file says.

        Raises:
            ConfigurationError: a line for each mistake, with `file:line:column`.
        """
        tree = load_file(path)
        if not tree:
            raise ConfigurationError(
                f"{path}: nothing stands in it; 'dl simulate -h' and docs/simulation.md tell what does"
            )
        if port is not None:
            tree["port"] = port
        stem = os.path.splitext(os.path.basename(path))[0]
        instrument = cls.__new__(cls)
        instrument._set_up(read_description(tree, SourceMap(path).place, stem))
        return instrument

    def _set_up(self, description: Description) -> None:
        self._description = description
        self._device = Device(description)
        self._received: deque[str] = deque(maxlen=MOST_RECEIVED)
        self._record_lock = threading.Lock()
        self.values = Values(self._device)
        self._server = Server(description.name, description.host, description.port, self._converse)

    def __enter__(self) -> Instrument:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Instrument {self.name!r} at {self.address[0]}:{self.address[1]}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self._description.name

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens; the same after it was stopped and started again."""
        return self._server.address

    @property
    def reachable_at(self) -> tuple[str, int]:
        """Host, by the name that the description gives it, and port."""
        host = self._description.host
        return host if host not in ("", "0.0.0.0", "::") else "localhost", self.address[1]

    @property
    def faults(self) -> Faults:
        """What goes wrong with it; can be switched at any time."""
        return self._device.faults

    @property
    def received(self) -> list[str]:
        """The commands so far, in order, as they came; only the last 10000."""
        with self._record_lock:
            return list(self._received)

    def start(self) -> Instrument:
        """Listen; an instrument that does so already goes on.

        Raises:
            ConfigurationError: the port is taken, or the host is not of this machine.
        """
        if not self._server.is_running:
            try:
                self._server.start()
            except (OSError, UnicodeError) as error:
                where = f"{self._description.host}:{self._description.port}"
                raise ConfigurationError(f"{self.name}: cannot listen at {where}: {_remedy(error)}") from None
        return self

    def stop(self) -> None:
        """Close all connections and the port; nothing happens if it does not listen."""
        self._server.stop()

    def disconnect(self) -> None:
        """Cut the connections that there are."""
        self._server.disconnect()

    def unplug(self) -> None:
        """Cut the connections and refuse new ones, until `plug_in`."""
        self._server.unplug()

    def plug_in(self) -> None:
        """Accept connections again, at the same port."""
        self._server.plug_in()

    def _converse(self, peer: str) -> Conversation | None:
        if self.faults.happens("refuse"):
            return None
        return Conversation(self._device, peer, self._note)

    def _note(self, command: str) -> None:
        with self._record_lock:
            self._received.append(command)


def _remedy(error: OSError | UnicodeError) -> str:
    """What went wrong with listening, and what to do about it."""
    if isinstance(error, UnicodeError):  # of a name that the resolver is not even asked for
        return "no host can have that name; choose another host, such as localhost"
    key = "port, 0 for a free one"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        key = "host, such as localhost"
    return f"{(error.strerror or str(error)).lower()}; choose another {key}"
