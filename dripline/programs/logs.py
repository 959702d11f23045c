"""Log format and levels on standard error."""

from __future__ import annotations

import logging
import sys
import threading

from dripline.wire.safe_text import indented, safe_text, safe_traceback

logger = logging.getLogger("dripline.cli")

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
    handler.setFormatter(LogFormatter(name, colour=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.DEBUG, base + 10 * step))
    # These tell every failure themselves, at length; ours tell it in one line.
    for library in ("pika", "pyvisa"):
        logging.getLogger(library).setLevel(logging.DEBUG if verbose > 2 else logging.CRITICAL)
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_failure


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log what ended a laboratory's thread; Python would print it as it is."""
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread is not None else "a thread"
        logger.error("%s ended with an exception", name, exc_info=failure.exc_value)


class LogFormatter(logging.Formatter):
    """One short line for each record, in colour unless it is ordinary; lines of a traceback are indented.

    Nothing that came from elsewhere makes a line of its own, or reaches the terminal as it is.
    """

    def __init__(self, name: str, colour: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._name = f"[{name}] " if name else ""
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, without what other handlers made of it."""
        lines = [self._line(record)]
        if record.exc_info and record.exc_info[1] is not None:
            lines.append(indented(safe_traceback(record.exc_info[1])))
        elif record.exc_text:  # of another process, or of another handler
            lines.append(indented(record.exc_text))
        if record.stack_info:
            lines.append(indented(record.stack_info))
        return "\n".join(lines)

    def _line(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, self.datefmt)
        line = safe_text(
            f"{time} {record.levelname.lower()} {record.name} {self._name}{record.getMessage().rstrip()}"
        )
        code = _COLOURS.get(record.levelno) if self._colour else None
        return f"\033[{code}m{line}\033[0m" if code else line
