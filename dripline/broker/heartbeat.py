"""Heartbeats of one connection: sent when idle, missed when the peer is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_CHECKS_PER_INTERVAL: Final = 2
_CHECKS_MISSED: Final = 2 * _CHECKS_PER_INTERVAL


class Heartbeat:
    """Twice per interval looks whether anything was sent and heard.

    Args:
        loop: for its timer.
        send: sends a heartbeat frame; called when nothing else was sent for half an interval.
        give_up: ends the connection; called when nothing was heard for two intervals.

    Attributes:
        heard: set to True whenever bytes arrive.
        spoke: set to True whenever bytes are sent.
        deaf: nobody listens to the peer just now, so its silence means nothing.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[], None], give_up: Callable[[], None]
    ) -> None:
        self.heard = False
        self.spoke = False
        self.deaf = False
        self._loop = loop
        self._send = send
        self._give_up = give_up
        self._pause_s = 0.0
        self._silent_checks = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, interval_s: float) -> None:
        """Begin; 0 seconds is never."""
        self._pause_s = interval_s / _CHECKS_PER_INTERVAL
        if interval_s:
            self._rest()

    def stop(self) -> None:
        """Stop for good."""
        if self._timer is not None:
            self._timer.cancel()

    def _rest(self) -> None:
        self._timer = self._loop.call_later(self._pause_s, self._check)

    def _check(self) -> None:
        self._silent_checks = 0 if self.heard or self.deaf else self._silent_checks + 1
        if self._silent_checks >= _CHECKS_MISSED:
            self._give_up()
            return
        if not self.spoke:
            self._send()
        self.heard = self.spoke = False
        self._rest()
