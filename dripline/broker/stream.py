"""The byte stream of one client: frame reader, write buffer, heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from dripline.amqp.content import Frame, FrameCutter
from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import describe_frame

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
HELLO: Final = -1  # kind of the pseudo frame that the protocol header becomes
_CHECKS_PER_INTERVAL: Final = 2
_CHECKS_MISSED: Final = 2 * _CHECKS_PER_INTERVAL
_HIGH_WATER: Final = 256 * 1024  # bytes unsent: deliveries wait in their queues
_FLOOD: Final = 4 * 1024 * 1024  # bytes unsent: the client asks, but does not read the answers
_FLUSH_AT: Final = 128 * 1024  # bytes gathered: write before gathering more


class FrameReader(FrameCutter):
    """Cuts what a client sends into frames; the protocol header becomes the first one."""

    _greeting: bytes | None = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole now; what is left over is kept."""
        if self._greeting is None:
            return super().feed(data)
        data = self._greeting + data
        length = len(PROTOCOL_HEADER)
        self._greeting = None if len(data) >= length else data
        return [] if self._greeting else [Frame(HELLO, 0, data[:length]), *super().feed(data[length:])]

    @property
    def fault(self) -> ConnectionFault | None:
        """What to reply once the bytes have stopped making sense."""
        damage = self.damage
        if damage is None:
            return None
        return ConnectionFault(501, f"{describe_frame(damage.kind, damage.payload)}: {damage.reason}")


class WriteBuffer:
    """Gathers frames until `flush`.

    Args:
        transport: the socket; another one may take its place later.
        heartbeat: Notified when something was sent.
        to_flush: buffers with something in them; this one enters itself.
    """

    def __init__(self, transport: asyncio.Transport, heartbeat: Heartbeat, to_flush: list[WriteBuffer]) -> None:
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport = transport
        self._heartbeat = heartbeat
        self._to_flush = to_flush
        self._frames: list[bytes] = []
        self._size = 0
        self._unconfirmed: list[Callable[[], None]] = []

    def send(self, data: bytes) -> None:
        """Gather bytes to be sent."""
        if not self._size:
            self._to_flush.append(self)
        self._frames.append(data)
        self._size += len(data)
        if self._size > _FLUSH_AT:
            self.flush()

    def confirm_later(self, confirm: Callable[[], None]) -> None:
        """Let the next flush call a function that confirms what a channel published."""
        if not self._unconfirmed:
            self._to_flush.append(self)
        self._unconfirmed.append(confirm)

    def flush(self) -> None:
        """Write what was gathered, confirms last."""
        if self._unconfirmed:
            unconfirmed, self._unconfirmed = self._unconfirmed, []
            for confirm in unconfirmed:
                confirm()
        if not self._size:
            return
        data = b"".join(self._frames)
        self._frames.clear()
        self._size = 0
        self._heartbeat.spoke = True
        if not self.transport.is_closing():
            self.transport.write(data)

    def is_flooded(self) -> bool:
        """So much is unsent that the client's requests should wait as well."""
        return self.transport.get_write_buffer_size() > _FLOOD


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
