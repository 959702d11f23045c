"""The sockets that a broker listens at, or another server of asyncio."""

from __future__ import annotations

import asyncio
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


async def stop_accepting(server: asyncio.Server) -> None:
    """Close a server when all connections that it has accepted know their protocol.

    asyncio accepts a connection in one turn of its loop and makes the transport in a later one. A server that is
    closed in between leaves the client connected to nobody until the garbage collector comes by, which Python 3.13
    reports as an error of its own.

    Args:
        server: the server; the system resets connections that are not accepted yet.
    """
    loop = server.get_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(2):  # one for the transport, one for its protocol
        await asyncio.sleep(0)
    server.close()
