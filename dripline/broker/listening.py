"""The sockets that a broker listens at."""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

BACKLOG: Final = 512


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on all addresses of `host` that this machine has, on one port."""
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            listener = _listen_at(family, (address[0], port, *address[2:]))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # as ::1 where there is no IPv6
                missing = error
                continue
            close_all(listeners)
            raise
        listeners.append(listener)
        port = listener.getsockname()[1]  # the same for all addresses when a free one was asked for
    if missing is not None and not listeners:
        raise missing
    return listeners


def _listen_at(family: int, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        each.close()
