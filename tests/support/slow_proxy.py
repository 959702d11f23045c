"""TCP proxies over which everything takes longer: a broker on another continent, or behind a narrow line."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable

from support.proxy import Link, Proxy


class SlowProxy(Proxy):
    """Listens on a free port of 127.0.0.1 and passes everything on later, both ways, at any rate.

    Its connections can be cut, but neither held nor frozen.

    Args:
        host, port: Where to.
        delay_s: How long each byte is under way, in each direction.
    """

    def __init__(self, host: str, port: int, delay_s: float) -> None:
        self._delay_s = delay_s
        Proxy.__init__(self, host, port)

    def _link_between(self, near: socket.socket, far: socket.socket) -> Link:
        link = _SlowLink(near, far, self._flowing, self.filter_for_link())
        link.delay_s = self._delay_s
        return link


class NarrowProxy(Proxy):
    """Listens on a free port of 127.0.0.1 and passes on only so much from the far side.

    Args:
        host, port: Where to.
        bytes_per_s: So much.
    """

    def __init__(self, host: str, port: int, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        Proxy.__init__(self, host, port)

    def filter_for_link(self) -> Callable[[bytes], bytes]:
        """Return what holds up each chunk from the far side."""

        def passed(data: bytes) -> bytes:
            time.sleep(len(data) / self._bytes_per_s)
            return data

        return passed


class _SlowLink(Link):
    """A connection through it.

    Attributes:
        delay_s: How long each byte is under way.
    """

    delay_s = 0.0

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        writer = threading.Thread(target=_write, args=(target, under_way), name="test-slow-proxy", daemon=True)
        writer.start()
        data = b"first"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + self.delay_s, data))
        writer.join()


def _write(target: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    """Pass on what is due, up to the end."""
    with contextlib.suppress(OSError):
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                break
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
