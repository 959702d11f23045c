"""Advice in error messages: options in a command, settings in a script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_in_command = False


@contextmanager
def for_commands() -> Iterator[None]:
    """Give advice for the command line while the block runs; the process is a dripline command."""
    global _in_command
    before, _in_command = _in_command, True
    try:
        yield
    finally:
        _in_command = before


def in_command() -> bool:
    """Whether this process is a dripline command."""
    return _in_command


def advice(command: str, script: str) -> str:
    """Choose the advice that fits this process.

    Args:
        command: For the user of a command, which has options.
        script: For the author of a script, which has arguments and settings.
    """
    return command if _in_command else script
