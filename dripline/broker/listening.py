"""Listening sockets of an asyncio server, and TLS on the broker's sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass
from os.path import expanduser
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


@dataclass(frozen=True)
class ServerTls:
    """What the broker proves to its clients, and what it wants them to prove.

    Attributes:
        certificate_file: PEM file of the broker's certificate.
        key_file: PEM file of its key; None when that is in the same file.
        client_ca_file: PEM file of the authorities that sign the certificates of clients; with it a client without
            one is refused, before it can say a password. One whose common name is that of the broker's user can
            log in with it (SASL EXTERNAL).
    """

    certificate_file: str
    key_file: str | None = None
    client_ca_file: str | None = None


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """What a listening socket speaks.

    Args:
        tls: the files.

    Raises:
        OSError: a file cannot be read, is not PEM (`ssl.SSLError`), or the key does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(
        expanduser(tls.certificate_file), tls.key_file and expanduser(tls.key_file), password=_refused
    )
    if tls.client_ca_file is not None:
        context.load_verify_locations(cafile=expanduser(tls.client_ca_file))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def common_name(transport: asyncio.BaseTransport) -> str:
    """The name in the certificate that a client has proved to have; empty when it has shown none."""
    certificate = transport.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[0] if names else ""


def _refused() -> str:
    """Stand in for the passphrase of a key: OpenSSL would ask for it at the terminal."""
    raise OSError("the key is locked with a passphrase")
