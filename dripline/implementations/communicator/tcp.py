"""A device at a TCP port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

from dripline.implementations.communicator.medium import Deadline, Medium
from dripline.wire.safe_text import duration

_CHUNK = 65536


class TcpMedium(Medium):
    """A connection to host and port.

    Args:
        address: gives host and port, each time it connects.

    Attributes:
        socket: the socket; it may be replaced by a connected one.
    """

    def __init__(self, address: Callable[[], tuple[str, int]]) -> None:
        self._address = address
        self.socket = socket.socket()
        self.socket.close()

    @property
    def device(self) -> str:
        """Host and port."""
        host, port = self._address()
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def renew(self, timeout_s: float) -> bool:
        """Make a new connection, on which no old answer can come."""
        self.close()
        try:
            self.socket = socket.create_connection(self._address(), timeout_s)
        except TimeoutError:
            raise ConnectionError(f"no connection within {duration(timeout_s)}") from None
        except UnicodeError:
            raise ConnectionError("this cannot be the name of a host") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return True

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):  # the device may have ended it first
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of it."""
        with self._timeout(deadline.left()):
            self.socket.sendall(data)

    def read(self, deadline: Deadline) -> bytes:
        """Wait for bytes."""
        with self._timeout(deadline.left()):
            return self._received()

    def pending(self) -> bytes:
        """Return bytes that have come already."""
        try:
            with self._timeout(0.0):
                return self._received()
        except BlockingIOError:
            return b""

    def _received(self) -> bytes:
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionResetError("the device ended the connection")
        return data

    @contextlib.contextmanager
    def _timeout(self, seconds: float) -> Iterator[None]:
        """Let the socket wait so long, and afterwards as before: a lab's class may read it itself."""
        used = self.socket
        before = used.gettimeout()
        used.settimeout(seconds)
        try:
            yield
        finally:
            if used.fileno() >= 0:
                used.settimeout(before)
