"""Log lines on standard error: `12:30:00 warning dripline.core.service text`."""

from __future__ import annotations

import logging
import sys

_COLOURS = {logging.DEBUG: "2", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}
_LOWEST_STEP, _HIGHEST_STEP = -2, 2


def set_up(base: int, verbose: int, quiet: int, name: str = "") -> None:
    """Send this process's log to standard error.

    Args:
        base: level that is shown without options, such as `logging.WARNING`.
        verbose: how many `-v`; each shows one level more, a third one also what libraries say.
        quiet: how many `-q`; each shows one level less.
        name: put before each text, where several processes share a terminal.
    """
    step = max(_LOWEST_STEP, min(_HIGHEST_STEP, quiet - verbose))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(name, colour=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.DEBUG, base + 10 * step))
    # These tell every failure themselves, at length; ours tell it in one line.
    for library in ("pika", "pyvisa"):
        logging.getLogger(library).setLevel(logging.DEBUG if verbose > 2 else logging.CRITICAL)
    logging.captureWarnings(True)


class _Formatter(logging.Formatter):
    """Short lines; colour marks what is no ordinary message."""

    def __init__(self, name: str, colour: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._name = f"[{name}] " if name else ""
        self._colour = colour

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the base's name
        time = self.formatTime(record, self.datefmt)
        line = f"{time} {record.levelname.lower()} {record.name} {self._name}{record.message}"
        code = _COLOURS.get(record.levelno) if self._colour else None
        return f"\033[{code}m{line}\033[0m" if code else line

    def usesTime(self) -> bool:  # noqa: N802  # the base's name
        return False  # formatMessage asks for it itself
