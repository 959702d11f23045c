"""The log of values that JSON cannot hold: one line when they begin, and one when they end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger("dripline.messages")

_PAUSE_S = 60.0  # for a value that comes and goes
_MOST_SUBJECTS = 10_000


class Replacements:
    """Logs where values are sent as text because JSON has no NaN, no infinity and no objects of a laboratory.

    It has no lock, which a fork could leave locked: two threads at the same moment may log the same line.

    Args:
        clock: gives the time in seconds.

    Attributes:
        logged: when the beginning was logged last, by subject.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.logged: dict[str, float] = {}
        self._clock = clock
        self._going_on: set[str] = set()  # those whose end is not logged yet

    def found(self, subject: str, replaced: Sequence[str]) -> None:
        """Note a message with such values.

        Args:
            subject: which messages these are, ``to sensor_value.peaches`` or ``reply to get peaches``.
            replaced: where the values are, as `path (type)`.
        """
        now = self._clock()
        before = self.logged.get(subject)
        if subject in self._going_on or (before is not None and now - before < _PAUSE_S):
            return
        if before is None and len(self.logged) >= _MOST_SUBJECTS:
            return
        self.logged[subject] = now
        self._going_on.add(subject)
        what = ", ".join(replaced[:10]).replace("(float)", "(NaN or infinity)")
        logger.warning("%s: sent as text what JSON cannot hold: %s", subject, what)

    def none_in(self, subject: str) -> None:
        """Note a message without such values."""
        if subject in self._going_on:
            self._going_on.discard(subject)
            logger.warning("%s: all values can be sent as they are again", subject)
        elif self._clock() - self.logged.get(subject, self._clock()) >= _PAUSE_S:
            self.logged.pop(subject, None)
