"""`Outage`: logs a loss once and the recovery once; delays between retries."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from typing import Any

from dripline.wire.safe_text import safe_text

_LONGEST_LINE = 1000


class Outage:
    """The time in which something is not available, if there is one.

    Args:
        logger: Where its beginning and its end are logged.

    Attributes:
        why: Why it is not available; empty if it is.
        is_logged: Whether its loss was logged.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.why = ""
        self._logger = logger
        self.is_logged = False
        self._since_s = 0.0

    def __bool__(self) -> bool:
        """Whether it is lost."""
        return bool(self.why)

    @property
    def for_s(self) -> float:
        """For how long it has been lost; 0 if it is available."""
        return time.monotonic() - self._since_s if self.why else 0.0

    def begin(
        self, why: str, text: str, *args: object, level: int = logging.ERROR, patience_s: float = 0.0
    ) -> None:
        """Take note that it is lost, or is still lost.

        Args:
            why: Why.
            text: The line for the log, in the manner of `logging`.
            *args: For the text.
            level: Of that line.
            patience_s: For how long it may be lost before that is logged.
        """
        if not self.why:
            self._since_s = time.monotonic()
        self.why = why or "unknown"
        if not self.is_logged and self.for_s >= patience_s:
            self.is_logged = True
            self._logger.log(level, text, *args)

    def tell(self, _kind: str, text: str, *args: Any, error: BaseException | None = None) -> None:
        """Take note of a failure of any kind: the first is logged as a warning, further ones for debugging.

        Args:
            text: The line for the log, in the manner of `logging`.
            *args: For the text.
            error: Its traceback is logged after the line.
        """
        line, level = one_line(text % args if args else text), logging.DEBUG if self.why else logging.WARNING
        self._since_s = self._since_s if self.why else time.monotonic()
        self.why, self.is_logged = line, True
        self._logger.log(level, "%s", line, exc_info=error)

    def end(self, text: str = "", *args: object) -> bool:
        """Take note that it is available.

        Args:
            text: The line for the log if its loss was logged; none if empty.
            *args: For the text.

        Returns:
            Whether it was lost.
        """
        was_lost, was_logged = bool(self.why), self.is_logged
        self.why, self.is_logged = "", False
        if was_logged and text:
            self._logger.warning(text, *args)
        return was_lost


def delays(first_s: float = 0.1, cap_s: float = 10.0, factor: float = 2.0) -> Iterator[float]:
    """Yield waiting times between attempts without end, doubling up to a cap.

    Each varies by a quarter, so that the members of a mesh do not all come back in the same moment.

    Args:
        first_s: The first delay, in seconds.
        cap_s: The longest one.
        factor: Growth from one to the next.
    """
    delay = first_s
    while True:
        yield delay * random.uniform(0.75, 1.25)
        delay = min(cap_s, delay * factor)


def one_line(text: str) -> str:
    """Return a text from elsewhere as one line of a log, cut if it is too long."""
    cut = text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "..."
    return safe_text(cut)
