"""How a command ends when something goes wrong: one line, and an exit code that scripts can rely on."""

from __future__ import annotations

import errno
import sys

from dripline.cli.output import complain
from dripline.wire.errors import ConfigurationError, DriplineError
from dripline.wire.safe_text import safe_traceback

#: `EX_SOFTWARE` of sysexits.h: the fault is ours.
BUG = 70
#: `EX_IOERR`: what was printed did not get where it should.
LOST_OUTPUT = 74
_INTERRUPTED = 130
_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error: its own if it is one of dripline's, 130 for Ctrl-C, else 70."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, DriplineError):
        return min(error.exit_code, 255)
    return LOST_OUTPUT if is_lost_output(error) else BUG


def is_lost_output(error: BaseException) -> bool:
    """Whether a disk is full, or a terminal gone, and not the program wrong."""
    return isinstance(error, OSError) and error.errno in _LOST


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
        print(safe_traceback(error), file=sys.stderr)
    for line in _lines(error):
        complain(f"{command}: {line}")


def _lines(error: BaseException) -> list[str]:
    text = str(error)
    if isinstance(error, ConfigurationError):  # several mistakes are several lines
        return text.splitlines() or [type(error).__name__]
    if isinstance(error, DriplineError):
        return [text or type(error).__name__]
    if isinstance(error, OSError) and is_lost_output(error):
        place = error.filename or "the output"
        return [f"{place} cannot be written: {(error.strerror or text).lower()}; make room, or write to elsewhere"]
    return [
        f"{type(error).__name__}: {' '.join(text.split())} -- this is a bug of dripline or of an extension; "
        "-vv shows where"
    ]
