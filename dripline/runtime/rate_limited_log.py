"""What a hostile or broken peer causes is told once a minute, with a count: bad messages fill no disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from dripline.runtime import forks
from dripline.wire.safe_text import safe_text

#: How long further warnings of a kind are only counted, in seconds.
EVERY_S = 60.0

_KINDS = 100
_LONGEST = 1000


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
        line = _one_line(text % args if args else text)
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


def _one_line(text: str) -> str:
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return safe_text(cut)
