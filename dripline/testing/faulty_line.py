"""A slow or dead network connection between a socket and the broker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from dripline.broker.connection import Connection

_HIGH_WATER: Final = 256 * 1024  # bytes under way: who sends is told to wait
_PIECES_PER_S: Final = 50  # a throttled line passes bytes on so often


class Line(asyncio.Transport, asyncio.Protocol):
    """The transport of a connection and the protocol of its socket, so that nothing passes but by it.

    Args:
        connection: the connection whose transport it replaces.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._loop = loop = connection.state.loop
        self._socket = connection.transport
        self._in = _Direction(loop, connection.data_received, self._on_level)
        self._out = _Direction(loop, self._socket.write, self._on_level)
        self._socket_full = connection.congested
        self._full = connection.congested
        self._wants_reading = True
        self._held = False
        self._ended = False  # the connection has been told that it is over
        self._socket.set_protocol(self)
        connection.speak_through(self)

    # -- faults

    def hold(self) -> None:
        """Pass nothing on, in either direction, and let nobody notice."""
        self._held = True
        self._socket.pause_reading()
        self._in.hold()
        self._out.hold()

    def release(self) -> None:
        """Pass on again, also what came meanwhile; hang up if the connection was given up meanwhile."""
        self._held = False
        if self._ended:
            self._socket.abort()
            return
        self._out.release()
        self._in.release()
        self._update_reading()

    def slow_down(self, delay_s: float, bytes_per_s: float) -> None:
        """Pass everything on later; 0 bytes per second are any number."""
        self._in.slow_down(delay_s, bytes_per_s)
        self._out.slow_down(delay_s, bytes_per_s)

    def cut(self) -> None:
        """End it at once, for both sides."""
        self._held = False
        self._in.clear()
        self._out.clear()
        self._socket.abort()

    # -- as the socket's protocol

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._in.push(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone; what came before is handled first, without haste."""
        self._in.release()
        self._in.slow_down(0, 0)
        self._out.clear()
        self._end(error)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._socket_full = True
        self._on_level()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._socket_full = False
        self._on_level()

    # -- as the connection's transport

    def write(self, data: Any) -> None:
        """Bytes for the client."""
        self._out.push(data)

    def is_closing(self) -> bool:
        """Whether it ends, or has ended."""
        return self._ended or self._socket.is_closing()

    def close(self) -> None:
        """End it when everything is written; over a dead line the client learns nothing of it."""
        self._end_unless_held(lambda: self._out.when_empty(self._socket.close))

    def abort(self) -> None:
        """End it at once; over a dead line the client learns nothing of it."""
        self._end_unless_held(self.cut)

    def pause_reading(self) -> None:
        """Take nothing from the client."""
        self._wants_reading = False
        self._update_reading()

    def resume_reading(self) -> None:
        """Take something again."""
        self._wants_reading = True
        self._update_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that are not written yet."""
        return self._out.size + self._socket.get_write_buffer_size()

    # -- inside

    def _end_unless_held(self, end: Callable[[], object]) -> None:
        if self._held:
            self._loop.call_soon(self._end, None)
        else:
            end()

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._connection.connection_lost(error)

    def _on_level(self) -> None:
        """Tell who sends whether to wait."""
        full = self._socket_full or self._out.size > _HIGH_WATER
        if full != self._full:
            self._full = full
            if full:
                self._connection.pause_writing()
            else:
                self._connection.resume_writing()
        self._update_reading()

    def _update_reading(self) -> None:
        if self._wants_reading and not self._held and self._in.size <= _HIGH_WATER:
            self._socket.resume_reading()
        else:
            self._socket.pause_reading()


class _Direction:
    """Bytes on their way in one direction, in order; `size` is how many are under way."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, forward: Callable[[bytes], object], on_level: Callable[[], None]
    ) -> None:
        self.size = 0
        self._loop = loop
        self._forward = forward
        self._on_level = on_level
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._delay_s = 0.0
        self._bytes_per_s = 0.0
        self._free_at = 0.0  # when a throttled line has passed on what it has
        self._held = False
        self._timer: asyncio.TimerHandle | None = None
        self._then: Callable[[], object] | None = None

    def push(self, data: bytes) -> None:
        if not (self._held or self._under_way or self._delay_s or self._bytes_per_s):
            self._forward(data)
            return
        rate = 0.0 if self._held else self._bytes_per_s
        step = max(1, int(rate / _PIECES_PER_S) if rate else len(data))
        self._free_at = max(self._free_at, self._loop.time())
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self._free_at += len(piece) / rate if rate else 0.0
            self._under_way.append((self._free_at + self._delay_s, piece))
            self.size += len(piece)
        self._on_level()
        self._arm()

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self._pass_on()

    def slow_down(self, delay_s: float, bytes_per_s: float) -> None:
        """Change how slow it is; when it is not any more, what is under way arrives at once."""
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s
        self._free_at = 0.0
        if not delay_s and not bytes_per_s:
            self._under_way = deque((0.0, data) for _, data in self._under_way)
            self._pass_on()

    def clear(self) -> None:
        self._under_way.clear()
        self.size = 0

    def when_empty(self, then: Callable[[], object]) -> None:
        """Do something when everything has been passed on."""
        if self._under_way:
            self._then = then
        else:
            then()

    def _arm(self) -> None:
        if self._timer is None and self._under_way and not self._held:
            self._timer = self._loop.call_at(self._under_way[0][0], self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pass_on()

    def _pass_on(self) -> None:
        now = self._loop.time() + 0.001  # what is due in a moment need not wait for another turn
        while self._under_way and not self._held and self._under_way[0][0] <= now:
            _, data = self._under_way.popleft()
            self.size -= len(data)
            self._forward(data)
        self._on_level()
        self._arm()
        if self._then is not None and not self._under_way:
            then, self._then = self._then, None
            then()
