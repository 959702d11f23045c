"""What entities write to devices: values from messages are data in it, never more."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from dripline.core.endpoint import Endpoint
from dripline.core.throw_reply import ThrowReply

_ALLOWED_CONTROL = "\t"


def send_to_device(entity: Endpoint, command: str) -> Any:
    """Let the service of an entity send a command.

    Returns:
        The answer.

    Raises:
        ThrowReply: 300 when its service has no device.
    """
    send = getattr(entity.service, "send_to_device", None)
    if send is None:
        kind = type(entity.service).__name__ if entity.service is not None else "no service"
        raise ThrowReply(
            "service_error", f"endpoint {entity.name!r} belongs to {kind}, which has no send_to_device"
        )
    return send([command])


def sendable(entity: Endpoint, value: Any) -> Any:
    """Check that a value from a message can stand in a command.

    Returns:
        The value.

    Raises:
        ThrowReply: 304: it is no single value, or has a line's end in it, with which another command would begin.
    """
    if value is None or isinstance(value, (Mapping, list, tuple)):
        raise ThrowReply("service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} is no single value")
    return one_line(entity, value)


def one_line(entity: Endpoint, value: Any) -> Any:
    """Check that a value has no control characters. Result and errors as for `sendable`."""
    if isinstance(value, (list, tuple)):
        for item in value:
            one_line(entity, item)
    elif isinstance(value, Mapping):
        one_line(entity, [*value, *value.values()])
    elif isinstance(value, str) and any(not char.isprintable() and char not in _ALLOWED_CONTROL for char in value):
        raise ThrowReply(
            "service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} has control characters in it"
        )
    return value


class Filler(string.Formatter):
    """`str.format` without attributes: a hole may be ``{}``, ``{0}``, ``{0[key]}``, ``{:.3f}``."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Find the value for a hole; an attribute is refused."""
        if "." in field_name:
            raise ValueError(f"{{{field_name}}} asks for an attribute")
        return super().get_field(field_name, args, kwargs)
