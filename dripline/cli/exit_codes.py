"""How a command ends when something goes wrong: one line, and an exit code that scripts can rely on."""

from __future__ import annotations

import errno
import sys

from dripline.errors import ConfigurationError, DriplineError
from dripline.programs.output import complain
from dripline.wire.safe_text import safe_traceback

#: `EX_SOFTWARE` of sysexits.h: the fault is ours.
BUG = 70
#: `EX_IOERR`: what was printed did not get where it should.
LOST_OUTPUT = 74
#: `EX_OSERR`: the system has no more threads, files or memory for this process.
EXHAUSTED = 71
_INTERRUPTED = 130
_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_LIMITS = {
    errno.EMFILE: "too many open files in this process; raise the limit (ulimit -n, LimitNOFILE of systemd)",
    errno.ENFILE: "too many open files on this machine; close some, or raise the limit (sysctl fs.file-max)",
    errno.ENOMEM: "out of memory; end other programs, or raise the limit (ulimit -v, MemoryMax of systemd)",
}
_THREADS = "no further thread can be started; raise the limit (ulimit -u, TasksMax of systemd)"


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error: its own if it is one of dripline's, 130 for Ctrl-C, else 70."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, DriplineError):
        return min(error.exit_code, 255)
    if _limit(error):
        return EXHAUSTED
    return LOST_OUTPUT if is_lost_output(error) else BUG


def is_lost_output(error: BaseException) -> bool:
    """Whether a disk is full, or a terminal gone, and not the program wrong."""
    return isinstance(error, OSError) and error.errno in _LOST


def _limit(error: BaseException) -> str:
    """Which limit of the system was reached, and the remedy; empty if none."""
    if isinstance(error, MemoryError):
        return _LIMITS[errno.ENOMEM]
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":  # as all versions of Python say
        return _THREADS
    return _LIMITS.get(error.errno or 0, "") if isinstance(error, OSError) else ""


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
    if limit := _limit(error):
        return [limit]
    if isinstance(error, OSError) and is_lost_output(error):
        place = error.filename or "the output"
        return [f"{place} cannot be written: {(error.strerror or text).lower()}; make room, or write to elsewhere"]
    return [
        f"{type(error).__name__}: {' '.join(text.split())} -- this is a bug of dripline or of an extension; "
        "-vv shows where"
    ]
