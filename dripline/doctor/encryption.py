"""Whether TLS comes about: the broker's certificate, its name, its expiry."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dripline.config.mesh import MeshSettings
from dripline.doctor.report import CONFIGURATION, Notes
from dripline.doctor.sockets import AMQP_HEADER, address_of, connect, context_for, secured
from dripline.errors import ConfigurationError

_DAY_S = 86400
_SOON_DAYS = 30
_HUNG_UP = "the broker hangs up right after the TLS handshake: it wants a certificate of us, or another one"
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_… of OpenSSL


def examine_encryption(notes: Notes, mesh: MeshSettings, timeout_s: float) -> bool:
    """Do a TLS handshake as members of the mesh do; tells whether that succeeded."""
    try:
        context = context_for(mesh)
    except ConfigurationError as error:
        replace(notes, exit_code=CONFIGURATION).broken(str(error), "--ca-file, --certificate, --key")
        return False
    try:
        with secured(connect(mesh, timeout_s), context, mesh.broker) as sock:
            version, certificate = str(sock.version()), dict(sock.getpeercert() or {})
            _await_refusal(sock)
    except ssl.SSLCertVerificationError as error:
        told = error.verify_message.rstrip(".")
        notes.broken(f"the broker's certificate is refused: {told}", _remedy(mesh, error))
    except OSError as error:
        _tell_failure(notes, mesh, error)
    else:
        _tell(notes, mesh, version, certificate)
        return True
    return False


def _await_refusal(sock: ssl.SSLSocket) -> None:
    """A broker that wants a certificate of us says so only after the handshake, in what is read first."""
    sock.sendall(AMQP_HEADER)
    with suppress(TimeoutError):  # what it is that does not answer is found out later
        if not sock.recv(1):
            raise ConnectionResetError(_HUNG_UP)


def _tell(notes: Notes, mesh: MeshSettings, version: str, certificate: dict[str, Any]) -> None:
    if not mesh.verify:
        notes.warning(
            f"{version}, but nobody looks who the broker is: verify is false",
            "remove verify: false, and name ca_file",
        )
        return
    ends = str(certificate.get("notAfter", ""))
    days = (ssl.cert_time_to_seconds(ends) - time.time()) / _DAY_S if ends else _SOON_DAYS
    text = f"{version}, certificate valid for {mesh.broker}"
    text += f", expires {ends} (in {days:.0f} days)" if ends else ""
    if days < _SOON_DAYS:
        notes.warning(text, "renew the broker's certificate", expires=ends, days=round(days, 1))
    else:
        notes.ok(text, expires=ends, days=round(days, 1))


def _remedy(mesh: MeshSettings, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "renew the broker's certificate"
    if error.verify_code == _NOT_YET:
        return "compare the clocks: date -u, here and on the broker"
    if error.verify_code in (_WRONG_NAME, _WRONG_ADDRESS):
        return f"name the broker as its certificate does: {_show(mesh)}"
    return f"name the file of the authority that signed it with --ca-file (ca_file); {_show(mesh)} shows it"


def _show(mesh: MeshSettings) -> str:
    return f"openssl s_client -connect {mesh.broker}:{mesh.broker_port} -servername {mesh.broker}"


def _tell_failure(notes: Notes, mesh: MeshSettings, error: OSError) -> None:
    from dripline.transport.tls_error_messages import is_refusal, refused_certificate

    if is_refusal(error):
        refusal = str(refused_certificate(address_of(mesh), error))
        notes.broken(refusal, "--certificate FILE --key FILE; the broker's log says more")
        return
    if str(error) == _HUNG_UP:
        notes.broken(_HUNG_UP, "--certificate FILE --key FILE; the broker's log says more")
        return
    where = f"{mesh.broker}:{mesh.broker_port}"
    reason = str(getattr(error, "reason", None) or error.strerror or error or type(error).__name__)
    notes.broken(
        f"{where} does not speak TLS ({reason.lower().replace('_', ' ')})",
        f"-p 5671, or --no-tls (amqp:// instead of amqps://) if the port is for plain AMQP; {_show(mesh)}",
    )
