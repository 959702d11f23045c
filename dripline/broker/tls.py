"""TLS for the embedded broker."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


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
    context.load_cert_chain(_path(tls.certificate_file), tls.key_file and _path(tls.key_file), password=_refused)
    if tls.client_ca_file is not None:
        context.load_verify_locations(cafile=_path(tls.client_ca_file))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def common_name(transport: asyncio.BaseTransport) -> str:
    """The name in the certificate that a client has proved to have; empty when it has shown none."""
    certificate = transport.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[0] if names else ""


def _path(path: str) -> str:
    return os.path.expanduser(path)


def _refused() -> str:
    """Stand in for the passphrase of a key: OpenSSL would ask for it at the terminal."""
    raise OSError("the key is locked with a passphrase")
