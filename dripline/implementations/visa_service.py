"""`VISAService`: a device with a VISA address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from dripline.config.suggest import pip_install
from dripline.core._access import Reach
from dripline.errors import ConfigurationError
from dripline.implementations.communicator import Deadline, Medium
from dripline.implementations.scpi_service import SCPIService

_CHUNK = 4096


class VISAService(SCPIService):
    """A service for a device behind VISA: GPIB, USB, VXI-11, serial, sockets; each command has an answer.

    Args:
        resource_name: VISA's name for it, such as ``TCPIP::10.0.0.7::5025::SOCKET`` or ``GPIB0::12::INSTR``.
        backend: PyVISA's library: ``@py`` is PyVISA-py, empty the one of a vendor.
        resource_settings: attributes of the resource, such as ``{baud_rate: 19200}``.
        device_timeout: seconds for one command and its answer together.
        **kwargs: for `SCPIService`.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(
        self,
        resource_name: str,
        backend: str = "@py",
        resource_settings: Mapping[str, Any] | None = None,
        device_timeout: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.__resource = (resource_name, backend, dict(resource_settings or {}))
        SCPIService.__init__(self, device_timeout, **kwargs)

    def _dripline_medium(self) -> Medium:
        name, backend, more = self.__resource
        return _VisaMedium(name, backend, lambda: self.response_terminator.encode(), more)


class _VisaMedium(Medium):
    """A VISA resource.

    Args:
        resource_name: such as ``TCPIP::10.0.0.7::5025::SOCKET``.
        backend: PyVISA's library: ``@py`` is PyVISA-py, empty the one of a vendor.
        terminator: gives what ends an answer, each time it is opened or read.
        settings: attributes for the resource, such as ``baud_rate``.

    Raises:
        ConfigurationError: PyVISA is not installed, the library is not there, or the name is none.
    """

    def __init__(
        self, resource_name: str, backend: str, terminator: Callable[[], bytes], settings: Mapping[str, Any]
    ) -> None:
        self._name = resource_name
        self._settings = dict(settings)
        self._terminator = terminator
        self._module = _pyvisa()
        try:
            kind = self._module.rname.ResourceName.from_string(resource_name)
            self._manager = self._module.ResourceManager(backend)
        except (ValueError, OSError, self._module.errors.Error) as error:
            raise ConfigurationError(f"resource_name {resource_name!r}, backend {backend!r}: {error}") from None
        # Of these bytes can be read that nobody asked for; the others must not be read without a question, and
        # mark the end of an answer by other means than bytes.
        self._is_stream = kind.resource_class == "SOCKET" or kind.interface_type == "ASRL"
        self._keeps_answers = kind.interface_type == "ASRL"
        self._resource: Any = None

    @property
    def device(self) -> str:
        return self._name

    def renew(self, timeout_s: float) -> bool:
        self.close()
        with self._as_os_errors():
            milliseconds = max(1, int(timeout_s * 1000))
            self._resource = self._manager.open_resource(
                self._name,
                open_timeout=milliseconds,
                timeout=milliseconds,
                **({"read_termination": self._last_byte()} if self._is_stream else {}) | self._settings,
            )
            if self._is_stream:  # else pyvisa-py keeps back bytes that lack the terminator
                attribute = self._module.constants.ResourceAttribute.suppress_end_enabled
                self._resource.set_visa_attribute(attribute, False)
            else:
                with suppress(self._module.errors.VisaIOError, NotImplementedError, AttributeError):
                    self._resource.clear()
        return not self._keeps_answers

    def close(self) -> None:
        resource, self._resource = self._resource, None
        if resource is not None:
            with suppress(self._module.errors.Error, OSError):  # it may be broken already
                resource.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        with self._as_os_errors():
            self._waiting(deadline.left()).write_raw(data)

    def read(self, deadline: Deadline) -> bytes:
        with self._as_os_errors():
            return self._bytes_within(deadline.left())

    def pending(self) -> bytes:
        if not self._is_stream:
            return b""
        with suppress(TimeoutError), self._as_os_errors():
            return self._bytes_within(0)
        return b""

    def _bytes_within(self, seconds: float) -> bytes:
        resource = self._waiting(seconds)
        if self._is_stream and "read_termination" not in self._settings:
            resource.read_termination = self._last_byte()  # a message can change what it is
        data = bytes(resource.read_bytes(_CHUNK, break_on_termchar=True))
        is_whole = not self._is_stream and len(data) < _CHUNK
        return data if not is_whole or data.endswith(self._terminator()) else data + self._terminator()

    def _last_byte(self) -> str:
        return self._terminator()[-1:].decode("latin-1")

    def _waiting(self, seconds: float) -> Any:
        if self._resource is None:
            raise ConnectionError("the resource is closed")
        self._resource.timeout = max(1, int(seconds * 1000))
        return self._resource

    @contextmanager
    def _as_os_errors(self) -> Iterator[None]:
        try:
            yield
        except self._module.errors.VisaIOError as error:
            if error.error_code == self._module.constants.StatusCode.error_timeout:
                raise TimeoutError(str(error)) from None
            raise ConnectionError(str(error)) from None
        except OSError:
            raise
        except Exception as error:  # pyvisa-py lets its protocols' errors through, of any kind
            raise ConnectionError(str(error) or type(error).__name__) from error


def _pyvisa() -> Any:
    try:
        import pyvisa  # an extra, for who has VISA instruments
    except ModuleNotFoundError:
        raise ConfigurationError(f"PyVISA is missing: {pip_install('visa')}") from None
    return pyvisa
