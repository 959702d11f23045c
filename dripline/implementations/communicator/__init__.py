"""One question and one answer at a time with a device, over any medium, and what to do when that fails.

`Line` asks and listens, `Medium` is what lies below it (`TcpMedium`, `SerialMedium`, `VisaMedium`), and `Presence`
knows whether the device is there.
"""

from __future__ import annotations

from dripline.implementations.communicator.errors import (
    DeviceAway,
    DeviceError,
    DeviceSilent,
    GarbledAnswer,
    device_error,
)
from dripline.implementations.communicator.medium import Deadline, Medium
from dripline.implementations.communicator.presence import Presence
from dripline.implementations.communicator.transaction import Line

__all__ = [
    "Deadline",
    "DeviceAway",
    "DeviceError",
    "DeviceSilent",
    "GarbledAnswer",
    "Line",
    "Medium",
    "Presence",
    "device_error",
]
