"""Opening the socket to a broker, encrypted or not."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from dripline.transport import failures
from dripline.transport.address import BrokerAddress

if TYPE_CHECKING:
    from dripline.transport.tls import TlsEngine

_WITHOUT_HEARTBEATS_S = 30


def connect(address: BrokerAddress) -> tuple[socket.socket, TlsEngine | None]:
    """Open a socket to a broker, with TLS on it if the address asks for that.

    Args:
        address: Where the broker is.

    Raises:
        BrokerUnreachable: Nobody answers there, or not with TLS.
        LoginRefused: One side does not accept the certificate of the other.
        ConfigurationError: A file of certificates cannot be used.
    """
    try:
        sock = socket.create_connection((address.host, address.port), address.connect_timeout_s)
    except (OSError, UnicodeError, OverflowError) as error:  # the latter two: a host or port that cannot be
        raise failures.unreachable(address, error) from error
    try:
        _notice_silence(sock, address.heartbeat_s or _WITHOUT_HEARTBEATS_S)
        return sock, _encrypted(sock, address)
    except BaseException:
        sock.close()
        raise


def _encrypted(sock: socket.socket, address: BrokerAddress) -> TlsEngine | None:
    if address.tls is None:
        return None
    from dripline.transport import tls, tls_failures  # most meshes have none

    try:
        return tls.start_tls(sock, address, address.tls)
    except (OSError, UnicodeError) as error:  # the latter: a host that cannot be a name in a certificate
        raise tls_failures.no_tls(address, error) from error


def _notice_silence(sock: socket.socket, interval_s: int) -> None:
    """Let the kernel give a dead peer up as soon as heartbeats would, also where there are none."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": interval_s,
        "TCP_KEEPINTVL": max(1, interval_s // 3),
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 2000 * interval_s,  # milliseconds; for what was sent and never confirmed by the peer
    }
    for name, value in options.items():
        with contextlib.suppress(OSError):  # the kernel's limits differ: heartbeats remain
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
