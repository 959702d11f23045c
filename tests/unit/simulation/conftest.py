"""Instruments without sockets, and plain sockets to those that have one."""

import socket

import pytest

from dripline.simulation import Instrument
from dripline.simulation.description import read_description
from dripline.simulation.device import Device

SUPPLY = {
    "name": "supply",
    "seed": 1,
    "values": {
        "VOLTage": {"initial": 5, "unit": "V", "min": 0, "max": 30},
        "CURRent": {"initial": 2, "min": 0, "max": 3},
        "OUTPut": {"initial": True},
        "POWer": {"formula": "VOLT * CURR if OUTP else 0"},
        "LABel": {"initial": "none"},
    },
}


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def clock():
    """What `device` takes for the time."""
    return Clock()


@pytest.fixture
def device(clock):
    """Make an instrument without a socket: `device({"VOLT": 5})`, `device(VALUES, echo=True)`."""

    def _device(values=None, **others):
        return Device(read_description({"seed": 1, "values": values, **others}), clock)

    return _device


@pytest.fixture
def supply(clock):
    """The power supply, without a socket."""
    return Device(read_description(SUPPLY), clock)


class Client:
    """A plain socket that writes and reads lines."""

    def __init__(self, address, timeout_s=60.0):
        self.socket = socket.create_connection(address, timeout_s)
        self._buffer = b""

    def write(self, text):
        """Send a line."""
        self.socket.sendall(text.encode() + b"\n")

    def read(self):
        """The next line; an empty text when the instrument has hung up."""
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return ""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")

    def ask(self, text):
        """Send a line, and wait for the next one."""
        self.write(text)
        return self.read()

    def hears_nothing(self, for_s=0.15):
        """Whether nothing arrives for a while."""
        self.socket.settimeout(for_s)
        try:
            return not self._buffer and self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(60.0)

    def close(self):
        """Hang up."""
        self.socket.close()


@pytest.fixture
def instrument(no_leaks):
    """The power supply, listening; nothing is left of it afterwards."""
    with Instrument(SUPPLY) as running:
        yield running


@pytest.fixture
def connect(instrument):
    """Make a connection to the instrument."""
    clients = []

    def _connect():
        clients.append(Client(instrument.address))
        return clients[-1]

    yield _connect
    for client in clients:
        client.close()


@pytest.fixture
def client(connect):
    """A connection to the instrument."""
    return connect()
