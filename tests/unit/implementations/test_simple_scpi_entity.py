"""Values that a device gives and takes in the plain SCPI way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import MsgRequest, Service, op_t
from dripline.implementations import SimpleSCPIEntity, SimpleSCPIGetEntity, SimpleSCPISetEntity


class Recording(Service):
    """Answers commands as it is told, and keeps them."""

    def __init__(self, answer: str = "1.5") -> None:
        Service.__init__(self, "psu", make_connection=False)
        self.sent: list[Any] = []
        self.answer = answer

    def send_to_device(self, commands):
        """Keep them."""
        self.sent += commands
        return self.answer


def made(kind: type, answer: str = "1.5", **arguments: Any) -> tuple[Any, Recording]:
    """An entity and its service."""
    service = Recording(answer)
    entity = kind(name="volts", **arguments)
    service.add_child(entity)
    return entity, service


def ask(entity: Any, operation: op_t, *values: Any) -> tuple[int, Any]:
    """Return code and payload of a request."""
    payload = {"values": list(values)} if values else None
    reply = entity.on_request_message(MsgRequest.create(payload, operation, "volts"))
    return reply.return_code, reply.plain_payload


def test_it_gets_and_sets():
    """``base?``, and ``base value;base?``."""
    entity, service = made(SimpleSCPIEntity, base_str="VOLT", calibration="2*{}")
    assert ask(entity, op_t.get) == (0, {"value_raw": "1.5", "value_cal": 3.0})
    assert ask(entity, op_t.set, 5) == (0, "1.5")
    assert ask(entity, op_t.set, "MAX") == (0, "1.5")
    assert service.sent == ["VOLT?", "VOLT 5;VOLT?", "VOLT MAX;VOLT?"]
    assert entity.cmd_base == "VOLT"


def test_one_that_can_only_be_got():
    """A set is refused."""
    entity, service = made(SimpleSCPIGetEntity, base_str="MEAS:VOLT")
    assert ask(entity, op_t.get) == (0, {"value_raw": "1.5"})
    assert ask(entity, op_t.set, 5)[0] == 306
    assert service.sent == ["MEAS:VOLT?"]


def test_one_that_can_only_be_set():
    """A get is refused; a set waits until it is done."""
    entity, service = made(SimpleSCPISetEntity, "1", base_str="OUTP")
    assert ask(entity, op_t.set, "on") == (0, "1")
    assert ask(entity, op_t.get)[0] == 306
    assert service.sent == ["OUTP on;*OPC?"]


@pytest.mark.parametrize("value", ["5\nOUTP ON", "5\r", "\x00", "a\u2028b", None, [1], {"a": 1}])
def test_a_value_is_no_second_command(value):
    """Line ends and values that are none are refused, and nothing is sent."""
    for kind in (SimpleSCPIEntity, SimpleSCPISetEntity):
        entity, service = made(kind, base_str="VOLT")
        assert ask(entity, op_t.set, value)[0] == 304
        assert service.sent == []


@pytest.mark.parametrize("value", ["5;OUTP ON", ";", '"A;B"'])
def test_a_semicolon_is_refused_unless_it_is_allowed(value):
    """It separates commands; `allow_semicolon` is for devices and users that are trusted with that."""
    for kind in (SimpleSCPIEntity, SimpleSCPISetEntity):
        entity, service = made(kind, base_str="VOLT")
        reply = entity.on_request_message(MsgRequest.create({"values": [value]}, op_t.set, "volts"))
        assert (reply.return_code, service.sent) == (304, [])
        assert "allow_semicolon: true" in reply.return_message
        entity, service = made(kind, base_str="VOLT", allow_semicolon=True)
        assert ask(entity, op_t.set, value)[0] == 0
        assert service.sent[0].startswith(f"VOLT {value};")


def test_a_value_cannot_contain_what_ends_a_command():
    """Whatever the terminator of the service is."""
    entity, service = made(SimpleSCPIEntity, base_str="VOLT", allow_semicolon=True)
    service.command_terminator = "#"
    assert ask(entity, op_t.set, "5#OUTP ON")[0] == 304
    assert service.sent == []


@given(st.text(max_size=20))
def test_a_text_is_sent_as_it_is_or_refused(text):
    """Nothing in between."""
    entity, service = made(SimpleSCPIEntity, base_str="VOLT")
    code, _ = ask(entity, op_t.set, text)
    assert service.sent == ([f"VOLT {text};VOLT?"] if code == 0 else [])
    assert code == (304 if "\n" in text or "\r" in text else code)


@pytest.mark.parametrize("base", [None, "", 5])
def test_without_a_command_there_is_no_entity(base):
    """The text says which endpoint lacks it."""
    with pytest.raises(ValueError, match="base_str of volts"):
        SimpleSCPIEntity(base_str=base, name="volts")


def test_a_service_without_device_is_told():
    """A clear text, and no AttributeError."""
    entity = SimpleSCPIEntity(base_str="VOLT", name="volts")
    assert ask(entity, op_t.get)[0] == 300
    Service("plain", make_connection=False).add_child(entity)
    reply = entity.on_request_message(MsgRequest.create(None, op_t.get, "volts"))
    assert "belongs to Service, which has no send_to_device" in reply.return_message


def test_packages_find_them_where_they_were():
    """The module of other versions."""
    from dripline.implementations.entity_endpoints import SimpleSCPIEntity as Same

    assert Same is SimpleSCPIEntity
