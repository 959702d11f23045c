"""How a command ends when something goes wrong: one line, and an exit code that scripts can rely on."""

from __future__ import annotations

import sys

from dripline.wire.errors import DriplineError

#: `EX_SOFTWARE` of sysexits.h: the fault is ours.
BUG = 70
_INTERRUPTED = 130


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error: its own if it is one of dripline's, 130 for Ctrl-C, else 70."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, DriplineError):
        return min(error.exit_code, 255)
    return BUG


def report(error: BaseException, command: str, verbose: int = 0) -> None:
    """Tell an error on standard error.

    Args:
        error: what ended the command.
        command: the command as it was called, such as `dl get`.
        verbose: how many `-v` were given; two add the traceback.
    """
    if isinstance(error, (KeyboardInterrupt, BrokenPipeError)):
        return
    if verbose >= 2:
        import traceback  # only for who asks

        traceback.print_exception(error)
    for line in _lines(error):
        print(f"{command}: {line}", file=sys.stderr)


def _lines(error: BaseException) -> list[str]:
    text = str(error)
    if isinstance(error, DriplineError):
        return text.splitlines() or [type(error).__name__]
    return [
        f"{type(error).__name__}: {' '.join(text.split())} -- this is a bug of dripline or of an extension; "
        "-vv shows where"
    ]
