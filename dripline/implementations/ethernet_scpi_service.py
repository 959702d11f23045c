"""`EthernetSCPIService`: a device on a TCP port."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.core.argument_checks import Checks
from dripline.core.service import Service
from dripline.core.settings import Setting, checked
from dripline.implementations.communicator import Deadline, Medium
from dripline.implementations.scpi_service import SCPIService, some_seconds
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import duration

__all__ = ["EthernetSCPIService", "Service", "ThrowReply"]  # the last two as in the reference's module

_CHUNK = 65536
_PAIR = re.compile(r"""\s*[(\[]?\s*(["']?)(?P<host>[^\s"',()\[\]]+)\1\s*,\s*(?P<port>\d+)\s*,?\s*[)\]]?\s*""")
_HOST_AND_PORT = re.compile(r"\s*(?:\[(?P<ipv6>[^\s\[\]]+)\]|(?P<host>[^\s:]+)):(?P<port>\d+)\s*")


def _host_and_port(value: Any) -> tuple[str, int]:
    """Take host and port, as a pair or in a text."""
    given = value
    if isinstance(value, str):
        found = _PAIR.fullmatch(value) or _HOST_AND_PORT.fullmatch(value)
        value = (found["host"] or found["ipv6"], found["port"]) if found else None
    try:
        host, port = value
        number = int(port)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 65536 or not isinstance(host, str):
        raise ValueError(f"is host and port, such as ['10.0.0.7', 5025] or 10.0.0.7:5025, not {given!r}")
    return host, number


class EthernetSCPIService(SCPIService):
    """A service for a device at a TCP port, of which each command has an answer.

    Packages override `_send_commands`, `_listen` and `_reconnect`, and use `socket`, `alock` and the settings.

    Args:
        socket_timeout: seconds for one command and its answer together, and for connecting.
        socket_info: host and port: a pair, ``host:port`` or ``('host', 1234)`` as text.
        cmd_at_reconnect: commands for each new connection, the last one of which is answered with
            `reconnect_test`; None at the beginning throws away what the device says by itself; None alone asks
            nothing.
        reconnect_test: what the last of them has to be answered with.
        command_terminator: what ends a command.
        response_terminator: what ends an answer; required.
        reply_echo_cmd: whether the device repeats each command before its answer.
        **kwargs: for `Service`.
    """

    socket_info = Setting(_host_and_port, "Host and port.")

    _dripline_reach: ClassVar[Reach] = {"get": {"socket_info"}, "set": {"socket_timeout"}}
    _dripline_checks: ClassVar[Checks] = {"socket_timeout": some_seconds}

    def __init__(
        self,
        socket_timeout: float = 1.0,
        socket_info: tuple[str, int] | Sequence[Any] | str = ("localhost", 1234),
        cmd_at_reconnect: Sequence[str | None] | str | None = ("*OPC?",),
        reconnect_test: str = "1",
        command_terminator: str = "",
        response_terminator: str | None = None,
        reply_echo_cmd: bool = False,
        **kwargs: Any,
    ) -> None:
        self.__given = {"socket_info": socket_info, "socket_timeout": socket_timeout}
        SCPIService.__init__(
            self,
            socket_timeout,
            cmd_at_reconnect,
            reconnect_test,
            command_terminator,
            response_terminator,
            reply_echo_cmd,
            **kwargs,
        )

    @property
    def socket_timeout(self) -> float:
        """Seconds for one command and its answer together, and for connecting."""
        return self.device_timeout

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        self.device_timeout = checked(self, "socket_timeout", some_seconds, seconds)

    @property
    def socket(self) -> socket.socket:
        """The socket; an override of `_reconnect` may put a new one here."""
        return self.__tcp.socket

    @socket.setter
    def socket(self, value: Any) -> None:
        self.__tcp.socket = checked(self, "socket", _socket, value)

    def _dripline_medium(self) -> Medium:
        self._dripline_configure(**self.__given)
        self.__tcp = _TcpMedium(lambda: self.socket_info)
        return self.__tcp


def _socket(value: Any) -> socket.socket:
    if not isinstance(value, socket.socket):  # a message cannot bring one
        raise ValueError("is a socket")
    return value


class _TcpMedium(Medium):
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
        with contextlib.suppress(OSError):  # the device may have ended it first
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        with self._timeout(deadline.left()):
            self.socket.sendall(data)

    def read(self, deadline: Deadline) -> bytes:
        with self._timeout(deadline.left()):
            return self._received()

    def pending(self) -> bytes:
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
