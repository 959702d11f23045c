"""A device on a serial line, at the other end of a pseudo-terminal."""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator

import pytest
from support.waiting import eventually

from dripline.core import ThrowReply
from dripline.implementations import SerialSCPIService

from .scripted_device import reply_to

pytestmark = pytest.mark.usefixtures("no_leaks")


class SerialDevice:
    """Answers at one end of a pseudo-terminal; acts like a device that is slow when told so."""

    def __init__(self) -> None:
        self._own, self._other = os.openpty()
        tty.setraw(self._other)
        self.port = os.ttyname(self._other)
        self.asked: list[str] = []
        self.script: dict[str, list[Callable[[], None]]] = {}
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._talk, name="test-device", daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        """Say anything."""
        os.write(self._own, data)

    def close(self) -> None:
        """Go away: who has the other end open reads nothing but errors from now on."""
        os.write(self._wake, b"x")
        self._thread.join(30)
        for end in (self._own, self._other, self._wake, self._woken):
            os.close(end)

    def _talk(self) -> None:
        heard = b""
        while self._woken not in select.select([self._own, self._woken], [], [])[0]:
            heard += os.read(self._own, 4096)
            *questions, heard = heard.split(b"\n")
            for question in questions:
                self._answer(question.decode())

    def _answer(self, question: str) -> None:
        self.asked.append(question)
        acts = self.script.get(question)
        if acts:
            acts.pop(0)()
        else:
            self.say(reply_to(question).encode() + b"\n")


@pytest.fixture
def line() -> Iterator[SerialDevice]:
    """A device."""
    device = SerialDevice()
    yield device
    device.close()


@pytest.fixture
def service(line: SerialDevice) -> Iterator[SerialSCPIService]:
    """The service for it."""
    service = SerialSCPIService(line.port, name="psu", make_connection=False, device_timeout=30)
    yield service
    service.stop()


def test_questions_are_answered(service, line):
    """As over any other medium."""
    assert service.send_to_device(["A?", "B?"]) == "A;B"
    assert line.asked == ["*OPC?", "A?", "B?"]


def test_a_late_answer_is_waited_for_and_thrown_away(service, line):
    """The line cannot be made anew: it has to fall silent before the next question."""
    late = threading.Timer(1.5, line.say, [b"A\n"])
    service.device_timeout = 1.0
    line.script["A?"] = [late.start]
    assert service.send_to_device(["A?"]) == "A"
    assert line.asked == ["*OPC?", "A?", "*OPC?", "A?"]
    service.device_timeout = 30
    assert service.send_to_device("B?") == "B"
    late.join()


def test_a_late_answer_that_looks_like_the_test_s_is_none(service, line, monkeypatch):
    """A 1 for an earlier question, before the 1 of ``*OPC?``, at once or a moment before it."""
    monkeypatch.setattr("dripline.implementations.scpi_service._SETTLING_S", 1.0)
    service.device_timeout = 1.0
    line.script["A;*OPC?"] = [lambda: None]
    line.script["*OPC?"] = [lambda: line.say(b"1\n1\n")]
    assert service.send_to_device(["A;*OPC?", "B?"]) == "1;B"
    second = threading.Timer(0.02, line.say, [b"1\n"])
    line.script["A;*OPC?"] = [lambda: None]
    line.script["*OPC?"] = [lambda: (line.say(b"1\n"), second.start())]
    assert service.send_to_device(["A;*OPC?", "B?"]) == "1;B"
    second.join()


def test_a_silent_device_is_told(service, line):
    """202, with the name of the port."""
    service.device_timeout = 0.1
    line.script = {question: [lambda: None] * 9 for question in ("A?", "*OPC?")}
    with pytest.raises(ThrowReply, match=line.port) as raised:
        service.send_to_device("A?")
    assert raised.value.return_code.value == 202


def test_a_port_that_is_not_there_keeps_no_service_from_starting(caplog):
    """It is said once, and requests are answered with 201."""
    service = SerialSCPIService("/dev/no-such-port", name="psu", make_connection=False)
    for _ in range(2):
        with pytest.raises(ThrowReply, match="/dev/no-such-port") as raised:
            service.send_to_device("A?")
        assert raised.value.return_code.value == 201
    assert caplog.text.count("the device is away") == 1
    service.stop()


def test_a_port_that_is_pulled_out_is_told():
    """Reading it fails; it is closed and tried again later."""
    line = SerialDevice()
    service = SerialSCPIService(line.port, name="psu", make_connection=False, device_timeout=0.3)
    line.close()
    with pytest.raises(ThrowReply) as raised:
        service.send_to_device("A?")
    assert raised.value.return_code.value in (201, 202)
    service.stop()


def test_a_port_that_vanishes_and_comes_back(tmp_path, caplog):
    """Pulled out, its file is gone; plugged in again, it is another device under the same name."""
    port = tmp_path / "ttyUSB0"
    line = SerialDevice()
    port.symlink_to(line.port)
    service = SerialSCPIService(str(port), name="psu", make_connection=False, device_timeout=30)
    assert service.send_to_device("A?") == "A"
    port.unlink()
    line.close()
    for _ in range(3):
        with pytest.raises(ThrowReply, match="ttyUSB0") as raised:
            service.send_to_device("A?")
        assert raised.value.return_code.value == 201
    line = SerialDevice()
    port.symlink_to(line.port)
    assert eventually(lambda: _answers(service), 60)
    assert (caplog.text.count("is away"), caplog.text.count("is back")) == (1, 1)
    service.stop()
    line.close()


def _answers(service: SerialSCPIService) -> bool:
    try:
        return service.send_to_device("A?") == "A"
    except ThrowReply:
        return False


def test_whatever_the_port_fails_with_is_told(line, monkeypatch):
    """Not all that pyserial raises is an OSError."""

    def fail(_):
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr("serial.Serial._reset_input_buffer", fail)
    service = SerialSCPIService(line.port, name="psu", make_connection=False)
    with pytest.raises(ThrowReply, match="Input/output error") as raised:
        service.send_to_device("A?")
    assert raised.value.return_code.value == 201
    service.stop()


def test_settings_of_the_port_are_checked_at_once():
    """Before anything is opened."""
    with pytest.raises(ValueError, match="parity"):
        SerialSCPIService("/dev/no-such-port", parity="X", name="psu", make_connection=False)


def test_a_port_can_be_an_address(device):
    """URLs of pyserial reach converters on the network."""
    service = SerialSCPIService(
        f"socket://127.0.0.1:{device.port}", name="psu", make_connection=False, device_timeout=30
    )
    assert service.send_to_device("A?") == "A"
    service.stop()
