"""What carries bytes to a device and back."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod


class Deadline:
    """The moment until which something may take.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no time left")
        return seconds


class Medium(ABC):
    """A way to a device. Failures are OSErrors, a time that is over is a TimeoutError."""

    @property
    @abstractmethod
    def device(self) -> str:
        """The device as messages call it, such as ``10.0.0.7:5025``."""

    @abstractmethod
    def renew(self, timeout_s: float) -> bool:
        """Open it, or make it fit for use again.

        Args:
            timeout_s: how long that may take.

        Returns:
            True when answers to earlier questions cannot come any more, as on a new connection.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; `renew` opens it again."""

    @abstractmethod
    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of it."""

    @abstractmethod
    def read(self, deadline: Deadline) -> bytes:
        """Wait for bytes, and return those that are there."""

    @abstractmethod
    def pending(self) -> bytes:
        """Return bytes that have come already, without waiting; none are ``b""``."""
