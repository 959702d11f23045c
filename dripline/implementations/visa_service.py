"""A service for a device behind VISA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.implementations.communicator import Medium
from dripline.implementations.communicator.visa import VisaMedium
from dripline.implementations.scpi_service import SCPIService


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
        return VisaMedium(name, backend, lambda: self.response_terminator.encode(), more)
