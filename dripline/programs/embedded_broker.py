"""Starts an embedded broker at the mesh's address if none is running there."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dripline.errors import BrokerUnreachable, ConfigurationError

if TYPE_CHECKING:
    from dripline.broker import EmbeddedBroker
    from dripline.broker.listening import ServerTls
    from dripline.config.mesh import MeshSettings
    from dripline.programs.session import Session

logger = logging.getLogger("dripline.broker")

_PROBE_S = 1.0


@contextmanager
def embedded_broker(session: Session) -> Iterator[bool]:
    """Have a broker at the mesh's address while the block runs: the one that answers there, else one of our own.

    Args:
        session: its mesh tells the address, its login is the one that our broker accepts.

    Yields:
        Whether the broker is ours.

    Raises:
        ConfigurationError: the address is another machine's.
        BrokerError: the port cannot be opened, no broker listens there, or the broker refuses the login.
    """
    mesh = session.mesh
    place = f"{mesh.broker}:{mesh.broker_port}"
    if not is_local(mesh.broker):
        raise ConfigurationError(
            f"{place} is not an address of this machine: an embedded broker can only run here; "
            "leave --embedded-broker out, or name this machine with -b"
        )
    if answers(mesh.broker, mesh.broker_port):
        from dripline.transport.address import BrokerAddress
        from dripline.transport.connection import Connection

        connection = Connection(BrokerAddress.of(mesh, session.username, session.password))
        connection.open()  # what listens there may be something else, fall silent, or refuse the login
        connection.close()
        logger.info("joining the broker that answers at %s", place)
        yield False
        return
    broker = make_broker(mesh, session.username, session.password)
    try:
        logger.info("started an embedded broker at %s", place)
        yield True
    finally:
        broker.stop()


def make_broker(mesh: MeshSettings, username: str, password: str) -> EmbeddedBroker:
    """Start an embedded broker with a mesh's settings.

    Raises:
        BrokerUnreachable: the port cannot be opened.
        ConfigurationError: it needs a certificate, or a file of it cannot be used.
    """
    from dripline.broker import EmbeddedBroker  # brings asyncio's servers

    broker = EmbeddedBroker(
        mesh.broker, mesh.broker_port, username, password, mesh.virtual_host, tls=_server_tls(mesh)
    )
    try:
        broker.start()
    except OSError as error:
        place = f"{mesh.broker}:{mesh.broker_port}"
        if error.errno == errno.EADDRINUSE:
            raise BrokerUnreachable(
                f"{place} is taken, perhaps by a broker that runs already; use that one, or another port with -p"
            ) from error
        raise BrokerUnreachable(f"cannot listen at {place}: {error.strerror or error}") from error
    return broker


def _server_tls(mesh: MeshSettings) -> ServerTls | None:
    if not mesh.tls:
        return None
    from dripline.broker.listening import ServerTls
    from dripline.transport.tls import check_certificate

    if mesh.certificate_file is None:
        raise ConfigurationError(
            f"an embedded broker at {mesh.broker}:{mesh.broker_port} needs a certificate for TLS; name one with "
            "--certificate and --key (certificate_file, key_file), or use --no-tls"
        )
    check_certificate(mesh.certificate_file, mesh.key_file)
    return ServerTls(mesh.certificate_file, mesh.key_file)


def is_local(host: str) -> bool:
    """Whether a name or address is one of this machine's; a name that nobody knows is not.

    Args:
        host: a name or address.
    """
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_can_bind(family, address) for family, _, _, _, address in found)


def _can_bind(family: int, address: tuple[object, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def answers(host: str, port: int) -> bool:
    """Whether anybody accepts connections at an address."""
    try:
        with socket.create_connection((host, port), timeout=_PROBE_S):
            return True
    except OSError:
        return False
