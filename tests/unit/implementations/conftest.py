"""Devices for the tests of services that talk to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dripline.implementations import EthernetSCPIService

from .scripted_device import ScriptedDevice


@pytest.fixture
def device() -> Iterator[ScriptedDevice]:
    """A device that answers, unless told otherwise."""
    with ScriptedDevice() as device:
        yield device


@pytest.fixture
def serve(device: ScriptedDevice) -> Iterator[Callable[..., Any]]:
    """Makes services for the device, without a broker."""
    made: list[Any] = []

    def make(kind: type = EthernetSCPIService, **arguments: Any) -> Any:
        settings = {
            "name": "psu",
            "make_connection": False,
            "socket_info": ("127.0.0.1", device.port),
            "socket_timeout": 30,
            "command_terminator": "\n",
            "response_terminator": "\n",
        }
        made.append(kind(**{**settings, **arguments}))
        return made[-1]

    yield make
    for service in made:
        service.stop()
