"""Signs of life to the broker, and the end of a connection on which none came back."""

from __future__ import annotations

from collections.abc import Callable

from dripline.transport.io_loop import SocketLoop, Timer
from dripline.wire.duration import duration

_SENT_PER_INTERVAL = 2
_LOOKS_PER_INTERVAL = 8
#: Brokers send something in every interval; two intervals are the protocol's limit, and it must be noticed within.
_SILENT_LOOKS = 14


class Heartbeat:
    """Sends heartbeats twice in each interval, and gives up when nothing at all came for nearly two.

    It counts looks, not seconds: when this process itself stood still, that counts as one look only. Takes the
    place of pika's checker, which needs up to twice the interval and ten seconds.

    Args:
        interval_s: What was agreed on with the broker.
        loop: For timers; all of this happens on its thread.
        send: Sends a heartbeat.
        received: Tells how many bytes have come so far.
        give_up: Ends the connection; it is told why.
    """

    def __init__(
        self,
        interval_s: float,
        loop: SocketLoop,
        send: Callable[[], None],
        received: Callable[[], int],
        give_up: Callable[[str], None],
    ) -> None:
        self._interval_s = interval_s
        self._loop = loop
        self._send = send
        self._received = received
        self._give_up = give_up
        self._last = received()
        self._silent_looks = 0
        self._looks = 0
        self._timer: Timer = self._later()

    def received(self) -> None:
        """Do nothing: pika tells of each heartbeat, which is counted with all other bytes."""

    def stop(self) -> None:
        """Stop for good."""
        self._loop.cancel(self._timer)

    def _later(self) -> Timer:
        return self._loop.call_later(self._interval_s / _LOOKS_PER_INTERVAL, self._look)

    def _look(self) -> None:
        so_far = self._received()
        self._silent_looks = self._silent_looks + 1 if so_far == self._last else 0
        self._last = so_far
        if self._silent_looks >= _SILENT_LOOKS:
            silence_s = _SILENT_LOOKS * self._interval_s / _LOOKS_PER_INTERVAL
            self._give_up(f"nothing came from it for {duration(silence_s)}, not even heartbeats")
            return
        self._looks += 1
        if self._looks % (_LOOKS_PER_INTERVAL // _SENT_PER_INTERVAL) == 0:
            self._send()
        self._timer = self._later()
