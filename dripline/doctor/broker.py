"""Examines the broker: name resolution, port, TLS, protocol, login, virtual host."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Any

from pika.exceptions import AuthenticationError, ProbableAccessDeniedError, ProbableAuthenticationError

from dripline.doctor.broker_link import BrokerLink, Product
from dripline.doctor.report import BROKER, CONFIGURATION, FindingRecorder, Report
from dripline.errors import ConfigurationError
from dripline.transport import other_peer
from dripline.transport.address import BrokerAddress
from dripline.transport.error_messages import describe, is_refusal, refused_certificate
from dripline.transport.progress import Progress
from dripline.transport.resolving import Found, resolve
from dripline.transport.sockets import first_to_answer
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.config.mesh import MeshSettings
    from dripline.programs.session import Session
    from dripline.transport.tls import TlsEngine

_LOCAL = ("localhost", "127.0.0.1", "::1")
_PORTS = (5672, 5671)  # AMQP, and AMQP with TLS
_PATIENCE = 4  # a broker waits before it refuses a login, so that passwords cannot be guessed quickly
_DAY_S = 86400
_SOON_DAYS = 30
_HUNG_UP = "the broker hangs up right after the TLS handshake: it wants a certificate of us, or another one"
_OTHER_CERTIFICATE = "--certificate FILE --key FILE; the broker's log says more"
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_… of OpenSSL
_TLS_ALERT = b"\x15"


def examine_broker(report: Report, session: Session, timeout_s: float) -> tuple[str, BrokerLink | None]:
    """Connect and log in as members of the mesh do.

    Args:
        report: where the findings go.
        session: broker and login.
        timeout_s: longest wait for each step, in seconds.

    Returns:
        The last examination, and what it led to if nothing is broken up to there.
    """
    mesh = session.mesh
    address = BrokerAddress.of(mesh, session.username, session.password)
    sock = _examine_address(report.recorder("address", BROKER), mesh, timeout_s)
    if sock is None:
        return "address", None
    tls: TlsEngine | None = None
    encryption = report.recorder("encryption", BROKER)
    if address.tls is not None:
        tls = _examine_handshake(encryption, address, sock, timeout_s)
        if tls is None:
            sock.close()
            return "encryption", None
    version, certificate = (tls.version, tls.certificate) if tls is not None else ("", {})
    link = BrokerLink(address, sock, tls, timeout_s * _PATIENCE)  # from here on its thread uses the engine
    has_ended, error = link.await_login(timeout_s)
    if tls is not None:
        if has_ended and not link.first_bytes:  # a broker refuses our certificate after the handshake
            text = str(refused_certificate(address, error)) if error and is_refusal(error) else _HUNG_UP
            encryption.broken(text, _OTHER_CERTIFICATE)
            return "encryption", None
        _record_certificate(encryption, mesh, version, certificate)
    product = link.product
    if product is None:
        report.recorder("address", BROKER).broken(*_other_peer(address, link.first_bytes, timeout_s))
        link.close()
        return "encryption", None
    report.recorder("address", BROKER).ok(
        f"{product} answers, in AMQP 0-9-1", product=product.name, version=product.version
    )
    if _examine_login(report.recorder("login", BROKER), session, link, product, timeout_s * _PATIENCE):
        return "login", link
    link.close()
    return "login", None


# -- name and port -------------------------------------------------------------------------------------------


def _examine_address(record: FindingRecorder, mesh: MeshSettings, timeout_s: float) -> socket.socket | None:
    """Resolve the name and open the port."""
    found = _resolve(record, mesh, timeout_s)
    if not found:
        return None
    addresses = list(dict.fromkeys(str(where[0]) for _, where in found))
    place = f"{mesh.broker}:{mesh.broker_port}"
    try:
        sock = first_to_answer(found, _limit(timeout_s).left_s)
        peer = str(sock.getpeername()[0])
    except TimeoutError:
        record.broken(
            f"nobody answers at {place} within {duration(timeout_s)} ({', '.join(addresses)}): the machine is "
            "down, or a firewall drops what comes",
            f"ping {mesh.broker}, or -b HOST",
        )
        return None
    except OSError as error:
        record.broken(f"nobody listens at {place} ({describe(error)})", _other_place(mesh), addresses=addresses)
        return None
    record.ok(f"{place} is open ({peer})", addresses=addresses, peer=peer)
    return sock


def _resolve(record: FindingRecorder, mesh: MeshSettings, timeout_s: float) -> list[Found]:
    host = mesh.broker
    remedy = f"getent hosts {host}; or name another host with -b HOST, or broker: in the configuration"
    try:
        return resolve(host, mesh.broker_port, _limit(timeout_s))
    except TimeoutError:
        record.broken(f"the name {host!r} is not resolved within {duration(timeout_s)}", remedy)
    except (OSError, UnicodeError) as error:
        record.broken(f"the name {host!r} leads nowhere ({describe(error)})", remedy)
    return []


def _limit(timeout_s: float) -> Progress:
    return Progress(BrokerAddress(connect_timeout_s=timeout_s))


def is_local(mesh: MeshSettings) -> bool:
    """Whether the broker is on this machine, as far as its name tells."""
    return mesh.broker in _LOCAL


def _other_place(mesh: MeshSettings) -> str:
    if is_local(mesh):
        return "dl broker, or systemctl status rabbitmq-server, or -b HOST for a broker elsewhere"
    ports = " or ".join(f"-p {port}" for port in _PORTS if port != mesh.broker_port)
    return f"systemctl status rabbitmq-server on {mesh.broker}, or -b HOST for another one, or {ports}"


# -- TLS -----------------------------------------------------------------------------------------------------


def _examine_handshake(
    record: FindingRecorder, address: BrokerAddress, sock: socket.socket, timeout_s: float
) -> TlsEngine | None:
    """Do a TLS handshake."""
    from dripline.transport.tls import TlsEngine, client_context  # most meshes have no TLS

    assert address.tls is not None
    try:
        engine = TlsEngine(client_context(address.tls), address.host)
        engine.shake_hands(sock, timeout_s)
    except ConfigurationError as error:
        replace(record, exit_code=CONFIGURATION).broken(str(error), "--ca-file, --certificate, --key")
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message.rstrip(".")
        record.broken(f"the broker's certificate is refused: {reason}", _other_name(address, error))
    except OSError as error:
        if is_refusal(error):
            record.broken(str(refused_certificate(address, error)), _OTHER_CERTIFICATE)
        else:
            reason = str(getattr(error, "reason", None) or error.strerror or error or type(error).__name__)
            reason = f"not within {duration(timeout_s)}" if isinstance(error, TimeoutError) else reason
            record.broken(
                f"{address} does not speak TLS ({reason.lower().replace('_', ' ')})",
                "-p 5671, or --no-tls (amqp:// instead of amqps://) if the port is for plain AMQP; "
                + _show(address),
            )
    else:
        return engine
    return None


def _record_certificate(
    record: FindingRecorder, mesh: MeshSettings, version: str, certificate: dict[str, Any]
) -> None:
    if not mesh.verify:
        record.warning(
            f"{version}, but nobody looks who the broker is: verify is false",
            "remove verify: false, and name ca_file",
        )
        return
    ends = str(certificate.get("notAfter", ""))
    days = (ssl.cert_time_to_seconds(ends) - time.time()) / _DAY_S if ends else _SOON_DAYS
    text = f"{version}, certificate valid for {mesh.broker}"
    text += f", expires {ends} (in {days:.0f} days)" if ends else ""
    if days < _SOON_DAYS:
        record.warning(text, "renew the broker's certificate", expires=ends, days=round(days, 1))
    else:
        record.ok(text, expires=ends, days=round(days, 1))


def _other_name(address: BrokerAddress, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "renew the broker's certificate"
    if error.verify_code == _NOT_YET:
        return "compare the clocks: date -u, here and on the broker"
    if error.verify_code in (_WRONG_NAME, _WRONG_ADDRESS):
        return f"name the broker as its certificate does: {_show(address)}"
    return f"name the file of the authority that signed it with --ca-file (ca_file); {_show(address)} shows it"


def _show(address: BrokerAddress) -> str:
    return f"openssl s_client -connect {address} -servername {address.host}"


# -- what answers --------------------------------------------------------------------------------------------


def _other_peer(address: BrokerAddress, said: bytes, timeout_s: float) -> tuple[str, str]:
    """What listens there instead of a broker, by what it said to the header of AMQP; and the remedy."""
    port = "-p 5672, or another port: that of AMQP"
    if said.startswith(b"AMQP"):
        return f"{address} speaks AMQP, but not 0-9-1 (it offers {said[4:8].hex('.')})", port
    if said.startswith(_TLS_ALERT) or (
        not said and address.tls is None and other_peer.speaks_tls(address, timeout_s)
    ):
        return (
            f"{address} speaks TLS, and the mesh is set to plain AMQP",
            f"--tls (tls: true), or -b amqps://{address}",
        )
    page = other_peer.http_answer(address, timeout_s) if not said or b"HTTP" in said[:20] else b""
    if page.startswith(b"HTTP/"):
        return f"an HTTP server answers at {address}{_server_of(page)}, no broker", port
    if said or page:
        return f"{address} answers, but not as a broker: {_quoted(said or page)}", port
    return (
        f"{address} accepts connections, but gives no answer within {duration(timeout_s)}",
        f"{port}; or a longer -t if the broker is slow; systemctl status rabbitmq-server",
    )


def _server_of(page: bytes) -> str:
    for line in page.splitlines():
        if line.lower().startswith(b"server:"):
            return f" ({_quoted(line[7:].strip())})"
    return ""


def _quoted(data: bytes) -> str:
    return repr(data[:40].decode("latin-1"))


# -- login ---------------------------------------------------------------------------------------------------


def _examine_login(
    record: FindingRecorder, session: Session, link: BrokerLink, product: Product, timeout_s: float
) -> bool:
    """Wait until the broker accepts user and virtual host; whether it does."""
    address = link.address
    has_ended, error = link.await_login(timeout_s)
    if not has_ended:
        record.broken(
            f"the broker does not go on with the login (not within {duration(timeout_s)})",
            "look into the broker's log",
        )
    elif error is None:
        every = f"every {link.heartbeat_s} s" if link.heartbeat_s else "none"
        record.ok(
            f"{address.user} on virtual host {address.virtual_host!r}; heartbeats: {every}",
            heartbeat_s=link.heartbeat_s,
        )
        return True
    elif isinstance(error, (ProbableAuthenticationError, AuthenticationError)):
        why = "no user of the name in it, or no login by certificates"
        why = why if address.by_certificate else "wrong name or password"
        record.broken(f"{address.user} is refused: {why}", _other_login(session, product))
    elif isinstance(error, ProbableAccessDeniedError):
        _record_refused_host(record, session, str(error))
    else:
        reason = " ".join(map(str, error.args)) or type(error).__name__
        record.broken(f"the broker hangs up during the login ({reason})", "look into the broker's log")
    return False


def _other_login(session: Session, product: Product) -> str:
    if session.mesh.auth_mechanism != "plain":
        return "auth_mechanism: plain; RabbitMQ needs its plugin rabbitmq_auth_mechanism_ssl for the other"
    ways = "-u NAME and --password-file FILE, or DRIPLINE_USER and DRIPLINE_PASSWORD"
    if product.name != "RabbitMQ":
        return ways
    if session.username == "guest" and not is_local(session.mesh):
        return f"{ways}: RabbitMQ lets guest in from its own machine only"
    return f"{ways}; on the broker: rabbitmqctl authenticate_user {quote(session.username)}"


def _record_refused_host(record: FindingRecorder, session: Session, reason: str) -> None:
    host, user = session.mesh.virtual_host, session.username
    if "not found" in reason:
        record.broken(
            f"there is no virtual host {host!r}",
            "virtual_host: / in dripline_mesh; on the broker: rabbitmqctl list_vhosts, "
            f"rabbitmqctl add_vhost {quote(host)}",
        )
    else:
        record.broken(
            f"user {user!r} may not use virtual host {host!r}",
            f"on the broker: rabbitmqctl set_permissions -p {quote(host)} {quote(user)} '.*' '.*' '.*'",
        )
