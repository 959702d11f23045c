"""Plain sockets to where the broker should be."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from dripline.config.mesh import MeshSettings
from dripline.transport.address import BrokerAddress, TlsSettings
from dripline.transport.progress import Progress
from dripline.transport.resolving import resolve
from dripline.transport.sockets import first_to_answer
from dripline.wire.safe_text import duration

#: What a client says first.
AMQP_HEADER = b"AMQP\x00\x00\x09\x01"

_TLS_S = 30.0

_Result = TypeVar("_Result")


def connect(mesh: MeshSettings, timeout_s: float) -> socket.socket:
    """Connect to the broker's address.

    Raises:
        OSError: nobody answers.
    """
    progress = Progress(replace(address_of(mesh), connect_timeout_s=timeout_s))
    sock = first_to_answer(resolve(mesh.broker, mesh.broker_port, progress), progress.left_s)
    sock.settimeout(timeout_s)
    return sock


def address_of(mesh: MeshSettings) -> BrokerAddress:
    """The broker's address as members of the mesh have it, without a login."""
    return BrokerAddress.of(mesh, "", "")


def context_for(mesh: MeshSettings) -> ssl.SSLContext:
    """How members of the mesh do TLS.

    Raises:
        ConfigurationError: a file of certificates or keys cannot be used.
    """
    from dripline.transport.tls import client_context  # most meshes have no TLS

    return client_context(address_of(mesh).tls or TlsSettings())


def unverified_context() -> ssl.SSLContext:
    """TLS with anybody, to find out whether it is spoken at all."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def secured(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Do the TLS handshake; the plain socket is closed when it fails.

    Raises:
        OSError: it failed.
    """
    try:
        return within(sock.gettimeout() or _TLS_S, lambda: context.wrap_socket(sock, server_hostname=host))
    except BaseException:
        sock.close()
        raise


def within(timeout_s: float, action: Callable[[], _Result]) -> _Result:
    """Do something that cannot be given a limit, such as resolving a name.

    Raises:
        TimeoutError: it takes longer; it goes on in a thread that nobody waits for.
    """
    results: list[Any] = []

    def run() -> None:
        try:
            results.append((action(), None))
        except Exception as error:  # noqa: BLE001  # it is raised again in the thread that asked
            results.append((None, error))

    thread = threading.Thread(target=run, name="dripline-doctor", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not results:
        raise TimeoutError(f"not within {duration(timeout_s)}")
    result, error = results[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # what the action gave
