"""`SerialSCPIService`: a device on a serial port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from dripline.config.suggest import pip_install
from dripline.core._access import Reach
from dripline.core.argument_checks import Checks
from dripline.errors import ConfigurationError
from dripline.implementations.communicator import Deadline, Medium
from dripline.implementations.scpi_service import SCPIService

_LONGEST_WAIT_S = 0.05
_CHUNK = 65536


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
        return _SerialMedium(self.__port, self.__settings)


class _SerialMedium(Medium):
    """A serial port, which is kept open as long as it works: opening it resets many a device.

    Args:
        port: its name, such as ``/dev/ttyUSB0``, or one of pyserial's URLs.
        settings: what else pyserial shall know, such as ``baudrate``.

    Raises:
        ConfigurationError: pyserial is not installed, or does not know a setting.
    """

    def __init__(self, port: str, settings: Mapping[str, Any]) -> None:
        self._name = port
        self._settings = dict(settings)
        self._module = _pyserial()
        self._port: Any = None
        try:  # not opened yet: only to see that the settings are right
            self._module.serial_for_url(port, do_not_open=True, **self._settings)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"port {port!r}: {error}") from None

    @property
    def device(self) -> str:
        return self._name

    def renew(self, timeout_s: float) -> bool:
        """Open the port, unless it is open; one that is kept may still bring old answers."""
        if self._port is not None:
            return False
        with self._failing():
            self._port = self._module.serial_for_url(
                self._name, timeout=_LONGEST_WAIT_S, write_timeout=timeout_s, **self._settings
            )
        return True

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        deadline.left()
        with self._failing():
            self._opened().write(data)

    def read(self, deadline: Deadline) -> bytes:
        data = b""
        while not data:
            deadline.left()
            data = self._read(1)
        return data + self.pending()

    def pending(self) -> bytes:
        with self._failing():
            waiting = self._opened().in_waiting
        return self._read(min(waiting, _CHUNK)) if waiting else b""

    def _read(self, count: int) -> bytes:
        with self._failing():
            return bytes(self._opened().read(count))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Close the port when it fails, of which only an OSError is heard."""
        try:
            yield
        except self._module.SerialTimeoutException as error:
            raise TimeoutError(str(error)) from None
        except Exception as error:
            self.close()
            if isinstance(error, OSError):
                raise
            raise ConnectionError(str(error)) from error  # termios has errors of its own

    def _opened(self) -> Any:
        if self._port is None:
            raise ConnectionError("the port is closed")
        return self._port


def _pyserial() -> Any:
    try:
        import serial  # an extra, for who has a serial line
    except ModuleNotFoundError:
        raise ConfigurationError(f"pyserial is missing: {pip_install('serial')}") from None
    return serial
