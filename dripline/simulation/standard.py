"""The commands that every SCPI instrument has, described or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dripline.simulation.description import Description
from dripline.simulation.kinds import KINDS
from dripline.simulation.status import OPERATION_COMPLETE, ScpiError, Status


class Instrument(Protocol):
    """What the commands need of an instrument; `device.Device` is one."""

    description: Description
    status: Status

    def reset(self) -> None:
        """Give all values their initial ones."""


def _event_enable(device: Instrument, argument: str) -> None:
    device.status.event_enable = _byte(argument)


def _service_request_enable(device: Instrument, argument: str) -> None:
    device.status.service_request_enable = _byte(argument)


def _byte(argument: str) -> int:
    value: int = KINDS["integer"].parse(argument, "")
    if not 0 <= value <= 255:
        raise ScpiError(-222, argument)
    return value


STANDARD: dict[str, Callable[[Instrument, str], str | None]] = {
    "*IDN?": lambda device, _: device.description.identity,
    "*OPC": lambda device, _: device.status.raise_event(OPERATION_COMPLETE),
    "*OPC?": lambda device, _: "1",
    "*WAI": lambda device, _: None,
    "*TST?": lambda device, _: "0",
    "*RST": lambda device, _: device.reset(),
    "*CLS": lambda device, _: device.status.clear(),
    "*ESR?": lambda device, _: str(device.status.take_events()),
    "*ESE": _event_enable,
    "*ESE?": lambda device, _: str(device.status.event_enable),
    "*SRE": _service_request_enable,
    "*SRE?": lambda device, _: str(device.status.service_request_enable),
    "*STB?": lambda device, _: str(device.status.status_byte()),
    "SYSTem:ERRor[:NEXT]?": lambda device, _: device.status.next_error(),
    "SYSTem:ERRor:COUNt?": lambda device, _: str(device.status.error_count()),
    "SYSTem:VERSion?": lambda device, _: "1999.0",
}
