"""Whether a device is there: said once when it is lost, once when it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from dripline.implementations.communicator.errors import DeviceError, device_error
from dripline.runtime.outage import delays
from dripline.wire.safe_text import safe_text

logger = logging.getLogger("dripline.instruments")

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Presence:
    """Remembers that a device is away, so that nobody waits for what is known to fail.

    Args:
        who: the device, for people.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._why: tuple[type[DeviceError], str] | None = None  # the error itself would keep what it has seen open
        self._since = 0.0
        self._next_try = 0.0
        self._pauses: Iterator[float] = iter(())

    @property
    def is_away(self) -> bool:
        """Whether the device could not be reached when that was tried last."""
        return self._why is not None

    def check(self) -> None:
        """Let a call pass when the device is there, or when it is time to try again.

        Raises:
            DeviceError: the device is away, and it is not time yet.
        """
        pause = self._next_try - time.monotonic()
        if self._why is not None and pause > 0:
            kind, text = self._why
            raise kind(f"{text}; next try in {pause:.1f} s")

    def lost(self, error: BaseException) -> DeviceError:
        """Take note that the device cannot be reached.

        Args:
            error: what came of the attempt.

        Returns:
            The error for whoever asked.
        """
        if self._why is None:
            self._since = time.monotonic()
            self._pauses = delays(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        told = device_error(self._who, error)
        kind, text = type(told), str(told)
        if self._why is None:
            logger.warning("%s; the device is away, going on trying", safe_text(text))
        self._why = kind, text
        self._next_try = time.monotonic() + next(self._pauses)
        return kind(text)

    def found(self) -> None:
        """Take note that the device answers."""
        if self._why is not None:
            self._why = None
            logger.warning("%s is back after %.1f s", self._who, time.monotonic() - self._since)
