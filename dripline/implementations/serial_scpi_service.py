"""A service for a device on a serial line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.core.argument_checks import Checks
from dripline.implementations.communicator import Medium
from dripline.implementations.communicator.serial_port import SerialMedium
from dripline.implementations.scpi_service import SCPIService


def _one_of(*values: Any) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if isinstance(value, bool) or value not in values:
            raise ValueError(f"is one of {', '.join(map(str, values))}, not {value!r}")

    return check


def _baudrate(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"is a whole number of bits per second, not {value!r}")


class SerialSCPIService(SCPIService):
    """A service for a device on a serial line, of which each command has an answer.

    The port stays open as long as it works. After an answer that did not come in time, the line has to be silent
    for as long as an answer may take before the next question is asked.

    Args:
        port: name of the port, such as ``/dev/ttyUSB0``, or one of pyserial's URLs (``socket://``, ``rfc2217://``).
        baudrate: bits per second.
        bytesize: data bits.
        parity: ``N``, ``E``, ``O``, ``M`` or ``S``.
        stopbits: stop bits.
        xonxoff: flow control in the data.
        rtscts: flow control with RTS and CTS.
        dsrdtr: flow control with DSR and DTR.
        device_timeout: seconds for one command and its answer together.
        **kwargs: for `SCPIService`.
    """

    _dripline_reach: ClassVar[Reach] = {}

    _dripline_checks: ClassVar[Checks] = {
        "baudrate": _baudrate,
        "bytesize": _one_of(5, 6, 7, 8),
        "parity": _one_of("N", "E", "O", "M", "S"),
        "stopbits": _one_of(1, 1.5, 2),
    }

    def __init__(
        self,
        port: str,
        baudrate: int = 9600,
        bytesize: int = 8,
        parity: str = "N",
        stopbits: float = 1,
        xonxoff: bool = False,
        rtscts: bool = False,
        dsrdtr: bool = False,
        device_timeout: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.__port = port
        self.__settings = {
            "baudrate": baudrate,
            "bytesize": bytesize,
            "parity": parity,
            "stopbits": stopbits,
            "xonxoff": xonxoff,
            "rtscts": rtscts,
            "dsrdtr": dsrdtr,
        }
        SCPIService.__init__(self, device_timeout, **kwargs)

    def _dripline_medium(self) -> Medium:
        return SerialMedium(self.__port, self.__settings)
