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


def sendable(entity: Endpoint, value: Any, allow_semicolon: bool = False) -> Any:
    """Check that a value from a message can be part of a command.

    Args:
        entity: The entity that sends it.
        value: The value.
        allow_semicolon: Whether texts may contain ``;``, which separates commands in SCPI.

    Returns:
        The value.

    Raises:
        ThrowReply: 304: it is no single value, or contains something that would start another command.
    """
    if value is None or isinstance(value, (Mapping, list, tuple)):
        raise ThrowReply("service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} is no single value")
    return one_command(entity, value, allow_semicolon)


def one_command(entity: Endpoint, value: Any, allow_semicolon: bool = False) -> Any:
    """Check that no text in a value would start another command. Arguments and result as for `sendable`."""
    if isinstance(value, (list, tuple)):
        for item in value:
            one_command(entity, item, allow_semicolon)
    elif isinstance(value, Mapping):
        one_command(entity, [*value, *value.values()], allow_semicolon)
    elif isinstance(value, str):
        reason = _reason_against(value, getattr(entity.service, "command_terminator", None), allow_semicolon)
        if reason:
            raise ThrowReply("service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} {reason}")
    return value


def _reason_against(text: str, terminator: str | None, allow_semicolon: bool) -> str | None:
    if any(not char.isprintable() and char not in _ALLOWED_CONTROL for char in text):
        return "has control characters in it"
    if terminator and terminator in text:
        return f"contains {terminator!r}, which ends a command (command_terminator)"
    if ";" in text and not allow_semicolon:
        return "contains ';', which would start another command; allow it with allow_semicolon: true"
    return None


class Filler(string.Formatter):
    """`str.format` without attributes: a hole may be ``{}``, ``{0}``, ``{0[key]}``, ``{:.3f}``."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Find the value for a hole; an attribute is refused."""
        if "." in field_name:
            raise ValueError(f"{{{field_name}}} asks for an attribute")
        return super().get_field(field_name, args, kwargs)
