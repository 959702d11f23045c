"""The boundary around a laboratory's code: whatever it raises ends neither the thread nor the program.

Handlers, scheduled calls, set-ups, consumers and hooks may raise anything, `SystemExit`, `GeneratorExit` and
`asyncio.CancelledError` included, and an exception whose text cannot be made. What the program has to see is let
through, everything else is logged and the caller goes on.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.wire.safe_text import is_for_program, text_of


class Boundary:
    """A block that calls a laboratory's code; what that raises is logged, once a minute for each kind of error.

    Args:
        limited_log: Where it is logged.
        text: The message, in the manner of `logging`.
        *args: For the text.
        kind: What the text leaves open and a peer cannot choose; errors of different kinds are logged apart.

    Attributes:
        error: What was raised; None if nothing was.
    """

    __slots__ = ("_args", "_kind", "_limited_log", "_text", "error")

    def __init__(self, limited_log: RateLimitedLogger, text: str, *args: Any, kind: str = "") -> None:
        self._limited_log = limited_log
        self._text = text
        self._args = args
        self._kind = kind
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
        try:
            self._log(error)
        except BaseException as failure:  # a laboratory's logging handler may raise anything, too
            if is_for_program(failure):
                raise
        return True

    def _log(self, error: BaseException) -> None:
        name = type(error).__name__
        self._limited_log.tell(
            f"{self._text}: {self._kind}: {name}",
            f"{self._text}: %s",
            *self._args,
            text_of(error) or name,
            error=error,
        )
