"""The boundary around a laboratory's code: whatever it raises ends neither the thread nor the program.

Handlers, scheduled calls, set-ups, consumers and hooks may raise anything, `SystemExit`, `GeneratorExit` and
`asyncio.CancelledError` included, and an exception whose text cannot be made. What the program has to see is let
through, everything else is logged and the caller goes on.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from dripline.runtime.complaints import Complaints


class Boundary:
    """A block that calls a laboratory's code; what that raises is logged, once a minute for each kind of error.

    Args:
        complaints: Where it is logged.
        text: The message, in the manner of `logging`.
        *args: For the text.

    Attributes:
        error: What was raised; None if nothing was.
    """

    __slots__ = ("_args", "_complaints", "_text", "error")

    def __init__(self, complaints: Complaints, text: str, *args: Any) -> None:
        self._complaints = complaints
        self._text = text
        self._args = args
        self.error: BaseException | None = None

    def __enter__(self) -> Boundary:
        """Begin."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        """Log an error, unless it is for the program."""
        if error is None or is_for_program(error):
            return False
        self.error = error
        self._complaints.tell(f"{self._text}: {type(error).__name__}", self._text, *self._args, error=error)
        return True


def is_for_program(error: BaseException) -> bool:
    """Whether an exception is a Ctrl-C at the keyboard or a signal, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def text_of(error: BaseException) -> str:
    """Return the text of an exception, also of one whose text raises another one; empty then."""
    try:
        return str(error)
    except BaseException as failure:
        if is_for_program(failure):
            raise
        return ""


def named_text_of(error: BaseException) -> str:
    """Return the class and the text of an exception, as return messages have them."""
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
