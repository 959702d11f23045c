"""What goes wrong with a device; each is the reply to the request that met it."""

from __future__ import annotations

from dripline.core.throw_reply import ThrowReply

_NO_RESPONSE = 202


class DeviceError(ThrowReply):
    """The device did not do its part.

    Args:
        message: what happened; it names the device.
    """

    code = "resource_error"

    def __init__(self, message: str) -> None:
        super().__init__(self.code, message)


class DeviceAway(DeviceError, ConnectionError):
    """There is no connection to the device, or it broke."""

    code = "resource_error_connection"


class DeviceSilent(DeviceError, TimeoutError):
    """The device did not answer in time."""

    code = "resource_error_no_response"


class GarbledAnswer(DeviceError):
    """What came cannot be told to be the answer."""

    code = "resource_error_connection"


def device_error(who: str, error: BaseException) -> DeviceError:
    """Make of any failure one that names the device.

    Args:
        who: the device, for people.
        error: a failure of the medium, or of a lab's own way to use it.
    """
    if isinstance(error, DeviceError):
        return error
    if isinstance(error, ThrowReply):
        silent = error.return_code.value == _NO_RESPONSE
        return (DeviceSilent if silent else DeviceAway)(f"{who}: {error}")
    if isinstance(error, TimeoutError):
        return DeviceSilent(f"{who}: no answer in time")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DeviceAway(f"{who}: {reason}")
