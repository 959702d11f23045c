"""What is on its way to one client: gathered, then written in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from dripline.broker.heartbeat import Heartbeat

_HIGH_WATER: Final = 256 * 1024  # bytes unsent: deliveries wait in their queues
_FLOOD: Final = 4 * 1024 * 1024  # bytes unsent: the client asks, but does not read the answers
_FLUSH_AT: Final = 128 * 1024  # bytes gathered: write before gathering more


class WriteBuffer:
    """Gathers frames until `flush`.

    Args:
        transport: the socket.
        heartbeat: is told that something was sent.
        to_flush: buffers with something in them; this one enters itself.
    """

    def __init__(self, transport: asyncio.Transport, heartbeat: Heartbeat, to_flush: list[WriteBuffer]) -> None:
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._transport = transport
        self._heartbeat = heartbeat
        self._to_flush = to_flush
        self._frames: list[bytes] = []
        self._size = 0
        self._unconfirmed: list[Callable[[], None]] = []

    def speak_through(self, transport: asyncio.Transport) -> None:
        """Write to something else from now on."""
        self._transport = transport

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
        if not self._transport.is_closing():
            self._transport.write(data)

    def is_flooded(self) -> bool:
        """So much is unsent that the client's requests should wait as well."""
        return self._transport.get_write_buffer_size() > _FLOOD
