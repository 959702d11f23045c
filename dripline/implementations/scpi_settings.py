"""What the settings of a service with a device may be, and what may be sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from dripline.core import settings
from dripline.core.settings import sendable_text
from dripline.core.throw_reply import ThrowReply


def as_commands(given: Sequence[str | None] | str | None) -> list[str | None]:
    """Take commands for a new connection: one, or a list, with None at its beginning for what is thrown away."""
    if given is None or isinstance(given, str):
        return [] if given is None else [sendable_text(given)]
    commands = list(given) if isinstance(given, Sequence) else [given]
    if all(command is None for command in commands):
        return commands
    if not all(command is None or isinstance(command, str) for command in commands) or commands[-1] is None:
        raise ValueError(f"is a list of commands, not {given!r}")
    return [None if command is None else sendable_text(command) for command in commands]


def expected_answer(value: Any) -> str | float | None:
    """Take what a device answers: a text, or a number as it is written; None accepts any answer."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
        raise ValueError(f"is the answer that is expected, a text or a number, not {value!r}")
    return value


def terminator(value: Any) -> str:
    """Take what ends an answer, and is never empty."""
    if not value:
        raise ValueError("is missing: what the device ends its answers with")
    return sendable_text(value)


def some_seconds(value: Any) -> float:
    """Take a time span of more than 0, as seconds."""
    seconds = settings.seconds(value)
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise ValueError(f"is more than 0 seconds, not {value!r}")
    return seconds


def checked_commands(commands: Any) -> list[str]:
    """Take the commands of a message.

    Raises:
        ThrowReply: 304: they are no texts, or cannot be sent.
    """
    if not isinstance(commands, Sequence) or not all(isinstance(command, str) for command in commands):
        raise ThrowReply("service_error_invalid_value", f"commands are texts, not {commands!r}")
    for command in commands:
        try:
            command.encode()
        except UnicodeEncodeError:
            raise ThrowReply("service_error_invalid_value", f"half a character in {command!r}") from None
    return list(commands)
