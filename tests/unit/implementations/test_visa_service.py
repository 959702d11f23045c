"""A device behind VISA, by PyVISA-py's sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.waiting import eventually

from dripline.core import ThrowReply
from dripline.implementations import VISAService

from .scripted_device import ScriptedDevice, hang_up, nothing, says
from .test_serial_scpi_service import SerialDevice
from .visa_devices import HislipDevice, Vxi11Device

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def serve(device) -> Iterator[Callable[..., Any]]:
    """Makes services for the device."""
    made: list[VISAService] = []

    def make(**arguments: Any) -> VISAService:
        name = f"TCPIP::127.0.0.1::{device.port}::SOCKET"
        made.append(VISAService(name, name="psu", make_connection=False, **{"device_timeout": 30, **arguments}))
        return made[-1]

    yield make
    for service in made:
        service.stop()


def test_questions_are_answered(serve, device):
    """As over any other medium."""
    assert serve().send_to_device(["A?", "B?"]) == "A;B"
    assert device.asked == ["*OPC?", "A?", "B?"]


def test_a_long_answer_is_whole(serve, device):
    """Longer than what is read at a time."""
    device.when("A?", says(b"x" * 10_000, b"y" * 10_000 + b"\n"))
    assert serve().send_to_device("A?") == "x" * 10_000 + "y" * 10_000


@pytest.mark.parametrize("said", [b"A\nmore\n", b"A\nmo", b"stale\nA\n"])
def test_a_line_too_many_is_not_the_next_question_s(serve, device, said):
    """Doubtful answers are asked for again, on a new connection."""
    service = serve()
    device.when("A?", says(said))
    assert service.send_to_device(["A?", "B?"]) == "A;B"


def test_a_silent_device_is_told(serve, device):
    """202, with the name of the resource; a part of an answer is none."""
    service = serve(device_timeout=0.6)
    device.when("A?", says(b"half"), nothing)
    with pytest.raises(ThrowReply, match="SOCKET") as raised:
        service.send_to_device("A?")
    assert raised.value.return_code.value == 202
    service.device_timeout = 30
    assert service.send_to_device("B?") == "B"


def test_a_device_unplugged_and_plugged_in_again_is_said_once_each(serve, device, caplog):
    """One line when lost and one when back."""
    service = serve(device_timeout=0.6)
    device.unplug()
    for _ in range(3):
        with pytest.raises(ThrowReply):
            service.send_to_device("A?")
    device.plug_in()
    service.device_timeout = 30
    assert eventually(lambda: _answers(service), 60)
    assert (caplog.text.count("is away"), caplog.text.count("is back")) == (1, 1)


def _answers(service: VISAService) -> bool:
    try:
        return service.send_to_device("A?") == "A"
    except ThrowReply:
        return False


def test_the_terminator_can_be_changed_by_message(serve, device):
    """PyVISA reads until the new one."""
    service = serve()
    service.response_terminator = "\r"
    device.when("A?", says(b"A\r"))
    assert service.send_to_device("A?") == "A"


@pytest.fixture(params=[HislipDevice, Vxi11Device])
def instrument(request) -> Iterator[ScriptedDevice]:
    """A device whose protocol tells where an answer ends."""
    with request.param() as device:
        yield device


@pytest.fixture
def inst(instrument) -> Iterator[VISAService]:
    """The service for it."""
    service = VISAService(instrument.resource_name, name="psu", make_connection=False, device_timeout=30)
    yield service
    service.stop()


def test_instruments_of_hislip_and_vxi11_are_asked(inst, instrument):
    """Answers are whole, long or short, with a terminator and without."""
    assert inst.send_to_device(["A?", "B?"]) == "A;B"
    instrument.when("A?", says(b"x" * 10_000 + b"\n"), says(b"5.0"), says(b"y" * 10_000))
    assert inst.send_to_device(["A?", "A?", "A?", "B?"]) == f"{'x' * 10_000};5.0;{'y' * 10_000};B"


def test_two_answers_of_an_instrument_are_not_the_next_question_s(inst, instrument):
    """Doubtful answers are asked for again."""
    instrument.when("A?", says(b"A\nB\n"))
    assert inst.send_to_device(["A?", "C?"]) == "A;C"
    assert instrument.asked.count("A?") == 2


def test_an_instrument_that_is_silent_or_hangs_up(inst, instrument):
    """It is asked once more on a new connection."""
    inst.device_timeout = 1
    instrument.when("A?", nothing)
    assert inst.send_to_device(["A?", "B?"]) == "A;B"
    instrument.when("A?", hang_up)
    assert inst.send_to_device(["A?", "B?"]) == "A;B"


def test_an_instrument_unplugged_and_plugged_in_again(inst, instrument, caplog, monkeypatch):
    """Whatever PyVISA-py makes of it: an error that names the instrument, and one line each in the log."""
    monkeypatch.setattr(logging.getLogger("pyvisa"), "disabled", True)  # its records hold what they tell of
    inst.device_timeout = 1
    instrument.unplug()
    for _ in range(3):
        with pytest.raises(ThrowReply, match="INSTR"):
            inst.send_to_device("A?")
    instrument.plug_in()
    inst.device_timeout = 30
    assert eventually(lambda: _answers(inst), 60)
    assert (caplog.text.count("is away"), caplog.text.count("is back")) == (1, 1)


def test_a_serial_line_by_visa(tmp_path):
    """Its file may vanish, and another device come under its name."""
    port = tmp_path / "ttyUSB0"
    line = SerialDevice()
    port.symlink_to(line.port)
    service = VISAService(f"ASRL{port}::INSTR", name="psu", make_connection=False, device_timeout=1)
    assert eventually(lambda: _answers(service), 60)
    port.unlink()
    line.close()
    with pytest.raises(ThrowReply, match="ttyUSB0"):
        service.send_to_device("A?")
    line = SerialDevice()
    port.symlink_to(line.port)
    assert eventually(lambda: _answers(service), 60)
    service.stop()
    line.close()


@pytest.mark.parametrize(("name", "backend"), [("nonsense", "@py"), ("TCPIP::a::1::SOCKET", "/no/library.so")])
def test_what_cannot_work_is_told_at_once(name, backend):
    """A name that is none, a library that is not there."""
    with pytest.raises(ValueError, match="resource_name"):
        VISAService(name, backend, name="psu", make_connection=False)
