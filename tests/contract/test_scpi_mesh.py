"""Instruments on a mesh: asked by message, simulated on TCP, on both brokers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dripline.core import Interface
from dripline.errors import ErrorReply
from dripline.implementations import EthernetSCPIService, VISAService
from dripline.simulation import Instrument

from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving

ENDPOINTS = [
    {"name": "volts", "module": "SimpleSCPIEntity", "base_str": "VOLT", "calibration": "1000*{}"},
    {"name": "identity", "module": "SimpleSCPIGetEntity", "base_str": "*IDN"},
    {"name": "limit", "module": "SimpleSCPISetEntity", "base_str": "CURR"},
    {
        "name": "output",
        "module": "FormatEntity",
        "get_str": "OUTP?",
        "set_str": "OUTP {};OUTP?",
        "set_value_map": {"on": 1, "off": 0},
        "calibration": {"1": "on", "0": "off"},
        "get_on_set": True,
    },
]
TERMINATORS = {"command_terminator": "\n", "response_terminator": "\n"}


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """Exchanges of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def supply() -> Iterator[Instrument]:
    """A power supply."""
    values = {"VOLT": {"initial": 5, "max": 30}, "CURR": {"initial": 1}, "OUTP": {"initial": 0}}
    with Instrument({"identity": "Example,PSU,0,1.0", "values": values}) as instrument:
        yield instrument


@pytest.fixture
def interface(mesh: Mesh) -> Iterator[Interface]:
    """Somebody who asks."""
    with client(mesh) as interface:
        yield interface


@pytest.mark.parametrize("kind", [EthernetSCPIService, VISAService])
def test_values_are_read_and_set(mesh, supply, interface, kind):
    """Through any medium: the message's way to the instrument and back."""
    host, port = supply.address
    by_visa = {"resource_name": f"TCPIP::{host}::{port}::SOCKET"}
    where = {"socket_info": f"('{host}', {port})"} if kind is EthernetSCPIService else by_visa
    service = kind(name=mesh.name("PSU"), endpoints=ENDPOINTS, **where, **TERMINATORS, **mesh.login)
    with serving(service):
        assert interface.get("volts") == {"value_raw": "5", "value_cal": 5000}
        assert float(interface.set("volts", 7.5)) == 7.5
        assert supply.values["VOLT"] == 7.5
        assert interface.get("identity") == {"value_raw": "Example,PSU,0,1.0"}
        assert interface.set("limit", 2) == "1"
        assert interface.set("output", "ON") == {"value_raw": "1", "value_cal": "on"}
        assert interface.cmd(mesh.name("PSU"), "send_to_device", [["*IDN?", "*OPC?"]]) == "Example,PSU,0,1.0;1"


def test_errors_reach_the_one_who_asked(mesh, supply, interface):
    """With their code, and a text that names the device."""
    where = f"{supply.address[0]}:{supply.address[1]}"
    service = EthernetSCPIService(
        name=mesh.name("PSU"), endpoints=ENDPOINTS, socket_info=where, **TERMINATORS, **mesh.login
    )
    with serving(service):
        assert _code_of(interface, "limit") == (306, True)
        supply.unplug()
        assert _code_of(interface, "volts", where) == (201, True)
        assert _code_of(interface, "volts", where) == (201, True)


def _code_of(interface: Interface, endpoint: str, words: str = "") -> tuple[int, bool]:
    with pytest.raises(ErrorReply) as raised:
        interface.get(endpoint)
    return raised.value.return_code, words in str(raised.value)
