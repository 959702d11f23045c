"""Rate-limited warnings, and `Boundary`, the exception boundary around laboratory code.

What a hostile or broken peer causes is logged once a minute, with a count. Handlers, scheduled calls, set-ups,
consumers and hooks may raise anything, `SystemExit`, `GeneratorExit` and `asyncio.CancelledError` included, and an
exception whose text cannot be made. What the program has to see passes, everything else is logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from dripline.runtime import forks
from dripline.runtime.outage import Outage, one_line
from dripline.wire.message import Message
from dripline.wire.safe_text import is_for_program, text_of

#: How long further warnings of a kind are only counted, in seconds.
EVERY_S = 60.0

_KINDS = 100


class RateLimitedLogger:
    """Warnings of one owner: the first of a kind is logged, further ones are only counted for a while.

    Args:
        logger: where they are written.
        clock: gives the time in seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._lock = forks.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}  # when one was written last, how many came since

    def tell(self, kind: str, text: str, *args: Any, error: BaseException | None = None) -> None:
        """Write a warning, or count it.

        Args:
            kind: what is told once; nothing that a peer chooses.
            text: the message, in the manner of `logging`; it becomes one line.
            *args: for the text.
            error: its traceback is written after the line.
        """
        suppressed = self._count(kind)
        if suppressed is None:
            return
        line = one_line(text % args if args else text)
        if suppressed:
            line += f" (and {suppressed} more of that kind since it was told last)"
        self._logger.log(logging.WARNING if error is None else logging.ERROR, "%s", line, exc_info=error)

    def _count(self, kind: str) -> int | None:
        """Give how many were only counted since the last line; None when this one is counted, too."""
        with self._lock:
            now = self._clock()
            if kind not in self._kinds and len(self._kinds) >= _KINDS:
                kind = ""  # so many kinds are no kinds
            told, count = self._kinds.get(kind, (now - EVERY_S, 0))
            if now - told < EVERY_S:
                self._kinds[kind] = told, count + 1
                return None
            self._kinds[kind] = now, 0
            return count

    def settle(self) -> None:
        """Write how many were counted and not told; at the end of the owner."""
        with self._lock:
            left = {kind: count for kind, (_, count) in self._kinds.items() if count}
            self._kinds.clear()
        for kind, count in left.items():
            self._logger.warning("%s: %d more since it was told last", kind or "others", count)


def limited_log_of(owner: Any, logger: logging.Logger) -> RateLimitedLogger:
    """Return the rate-limited logger of an endpoint, which keeps it."""
    found: RateLimitedLogger | None = getattr(owner, "_dripline_limited_log", None)
    if found is None:
        found = owner._dripline_limited_log = RateLimitedLogger(logger)
    return found


class Boundary:
    """A block that calls a laboratory's code: what that raises is logged, and ends neither thread nor program.

    Args:
        log: Where it is logged.
        text: The message, in the manner of `logging`; what was raised is added.
        *args: For the text.
        kind: What the text leaves open and a peer cannot choose; errors of different kinds are logged apart.
        expected: Errors that need no traceback.
        expected_text: The message for those, if it is another one.

    Attributes:
        error: What was raised; None if nothing was.
    """

    def __init__(
        self,
        log: RateLimitedLogger | Outage,
        text: str,
        *args: Any,
        kind: str = "",
        expected: tuple[type[BaseException], ...] = (),
        expected_text: str = "",
    ) -> None:
        self._limited_log = log
        self._texts = text, expected_text or text
        self._args = args
        self._kind = kind
        self._expected = expected
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
        is_expected, name = isinstance(error, self._expected), type(error).__name__
        text = self._texts[is_expected]
        try:
            self._limited_log.tell(
                f"{text}: {self._kind}: {name}", f"{text}: %s", *self._args, text_of(error) or name,
                error=None if is_expected else error,
            )  # fmt: skip
        except BaseException as failure:  # a laboratory's logging handler may raise anything, too
            if is_for_program(failure):
                raise
        return True


class Taker:
    """Takes messages: what that raises is logged, and neither ends the thread nor the program.

    Args:
        take: Called with each message.
        boundary: Makes the boundary around that.
        failed: Called with a message that could not be taken, and with what was raised.
    """

    def __init__(
        self,
        take: Callable[[Message], object],
        boundary: Callable[[Message], Boundary],
        failed: Callable[[Message, BaseException], None] | None = None,
    ) -> None:
        self._take = take
        self._boundary = boundary
        self._failed = failed

    def __call__(self, message: Message) -> None:
        """Take a message, whatever happens."""
        with self._boundary(message) as attempt:
            self._take(message)
        if attempt.error is not None and self._failed is not None:
            with self._boundary(message):
                self._failed(message, attempt.error)
