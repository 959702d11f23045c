"""Opens sockets: several addresses, timeouts, TLS."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dripline.errors import BrokerError
from dripline.transport import error_messages as failures
from dripline.transport.address import BrokerAddress
from dripline.transport.progress import CONNECTING, ENCRYPTING, Progress
from dripline.transport.resolving import Found, resolve

if TYPE_CHECKING:
    import ssl

    from dripline.transport.tls import TlsEngine

_WITHOUT_HEARTBEATS_S = 30
_HEAD_START_S = 0.25  # of one address before the next is tried as well
_LOOK_S = 0.1  # a cancelled opening is noticed after this time


def connect(address: BrokerAddress, progress: Progress) -> tuple[socket.socket, TlsEngine | None]:
    """Open a socket to a broker, with TLS on it if the address asks for that.

    Args:
        address: Where the broker is.
        progress: How long resolving, connecting and TLS may take together.

    Raises:
        BrokerUnreachable: Nobody answers there, or not with TLS.
        LoginRefused: One side does not accept the certificate of the other.
        ConfigurationError: A file of certificates cannot be used.
        ConnectionLost: The opening was cancelled.
    """
    context = _tls_context(address)  # a file that is missing is reported although no broker is running
    try:
        found = resolve(address.host, address.port, progress)
        progress.step = CONNECTING
        sock = first_to_answer(found, progress.left_s)
    except BrokerError:
        raise
    except (OSError, UnicodeError, OverflowError) as error:  # the latter two: a host or port that cannot be
        raise failures.unreachable(address, error) from error
    try:
        progress.interruptible(sock)
        _notice_silence(sock, address.heartbeat_s or _WITHOUT_HEARTBEATS_S)
        return sock, _encrypted(sock, address, context, progress)
    except BaseException:
        sock.close()
        raise


def first_to_answer(found: Sequence[Found], left_s: Callable[[], float]) -> socket.socket:
    """Connect to whichever of several addresses answers first.

    An address that does not answer delays the next one by a quarter of a second.

    Args:
        found: The addresses, the preferred one first.
        left_s: Returns how long it may still take, and raises when it may not.

    Raises:
        OSError: None answers; the error is that of the last one.
    """
    waiting = list(found)
    connecting: dict[int, socket.socket] = {}
    poll = select.poll()
    next_at_s = 0.0
    error = OSError("the name has no address")
    try:
        while True:
            wait_s = min(_LOOK_S, left_s())
            if waiting and (not connecting or time.monotonic() >= next_at_s):
                next_at_s = time.monotonic() + _HEAD_START_S
                try:
                    sock = _begin_to_connect(*waiting.pop(0))
                    connecting[sock.fileno()] = sock
                    poll.register(sock, select.POLLOUT)
                except OSError as refusal:
                    error = refusal
            elif not connecting:
                raise error
            for number, _ in poll.poll(int(wait_s * 1000) + 1) if connecting else ():
                sock = connecting.pop(number)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return sock
                poll.unregister(number)
                sock.close()
                error = OSError(code, os.strerror(code))
    finally:
        for sock in connecting.values():
            sock.close()


def _begin_to_connect(family: int, where: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)  # OSError: a family that this machine does not have
    try:
        sock.setblocking(False)
        code = sock.connect_ex(where)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def _tls_context(address: BrokerAddress) -> ssl.SSLContext | None:
    if address.tls is None:
        return None
    from dripline.transport.tls import client_context  # most meshes have no TLS

    return client_context(address.tls)


def _encrypted(
    sock: socket.socket, address: BrokerAddress, context: ssl.SSLContext | None, progress: Progress
) -> TlsEngine | None:
    if context is None:
        return None
    from dripline.transport import tls

    progress.step = ENCRYPTING
    try:
        return tls.start_tls(sock, address, context, progress.left_s())
    except BrokerError:
        raise
    except (OSError, UnicodeError) as error:  # the latter: a host that cannot be a name in a certificate
        raise failures.no_tls(address, error) from error


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
