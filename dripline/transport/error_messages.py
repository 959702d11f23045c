"""Converts errors of pika, sockets and TLS to dripline errors with readable texts."""

from __future__ import annotations

import ssl

from pika import exceptions

from dripline.errors import (
    BrokerError,
    BrokerUnreachable,
    ClosedByBroker,
    ConnectionLost,
    LoginRefused,
    NameTaken,
)
from dripline.transport import other_peer
from dripline.transport.address import BrokerAddress, TlsSettings
from dripline.wire.safe_text import duration, safe_text

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = {62, 64}
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}  # what answers is not TLS at all
_CERTIFICATE = "certificate_file and key_file"
_OLD = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"}
_SHUTDOWN = (200, 320)  # an operator closes the connection, or stops the broker


def unreachable(address: BrokerAddress, error: Exception) -> BrokerUnreachable:
    """Describe a socket that could not be opened."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    other = address.advice(
        "name another one with -b and -p",
        "name another one: dripline_mesh={'broker': …, 'broker_port': …}, or ~/.dripline_mesh.yaml",
    )
    return BrokerUnreachable(
        f"no broker answers at {address} ({reason}); start RabbitMQ, or 'dl broker', or {other}"
    )


def silent(address: BrokerAddress) -> BrokerUnreachable:
    """Describe a peer that accepts connections and then says nothing."""
    return BrokerUnreachable(
        f"{address} accepts connections but does not answer as an AMQP broker within "
        f"{duration(address.connect_timeout_s)}; is it the right port?"
    )


def not_opened(address: BrokerAddress, error: Exception, *, has_spoken: bool = True) -> BrokerError:
    """Describe the end of a connection before its login was through.

    Args:
        address: Where the connection led.
        error: What pika or the socket said.
        has_spoken: Whether the broker had said anything in AMQP before.

    Returns:
        `LoginRefused` or `BrokerUnreachable`.
    """
    code = getattr(error, "reply_code", None)
    if code == 403 or isinstance(error, exceptions.AuthenticationError):
        return LoginRefused(f"the broker at {address} refused {address.user}: {_wrong_login(address)}")
    if code == 530:
        return LoginRefused(
            f"the broker at {address} refused virtual host {address.virtual_host!r} "
            f"to {address.user}: {describe(error)}; name another with virtual_host"
            f"{address.advice(' (-b amqp://HOST/NAME)', '')}, or let the user in there"
        )
    if is_refusal(error):
        return refused_certificate(address, error)
    if not has_spoken:
        return without_a_word(address)
    if isinstance(error, (exceptions.IncompatibleProtocolError, exceptions.ProtocolVersionMismatch)):
        return other_peer.final(f"{address} speaks AMQP of another version than 0-9-1; is it the right port?")
    if not isinstance(error, (OSError, exceptions.AMQPConnectionError)):  # what it says makes no sense to pika
        return BrokerUnreachable(f"{address} does not answer as an AMQP 0-9-1 broker; is it the right port?")
    return BrokerUnreachable(f"the broker at {address} hung up during the login: {describe(error)}")


def _wrong_login(address: BrokerAddress) -> str:
    if address.by_certificate:
        return (
            "it needs a user of the name in it, and has to take certificates for a login (RabbitMQ: plugin "
            "rabbitmq_auth_mechanism_ssl, auth_mechanisms.1 = EXTERNAL); else auth_mechanism: plain"
        )
    where = address.advice("-u, --password-file, --auth-file", "username and password")
    return f"wrong name or password ({where}, or DRIPLINE_USER and DRIPLINE_PASSWORD)"


def lost(address: BrokerAddress, error: Exception) -> BrokerError:
    """Describe the end of a connection that was open."""
    by_broker = isinstance(error, exceptions.ConnectionClosedByBroker) and error.reply_code not in _SHUTDOWN
    kind = ClosedByBroker if by_broker else ConnectionLost
    return kind(f"the connection to the broker at {address} was lost: {describe(error)}")


def closed(address: BrokerAddress) -> ConnectionLost:
    """Describe a connection that was closed on purpose."""
    return ConnectionLost(f"the connection to the broker at {address} is closed")


def refused(address: BrokerAddress, error: exceptions.ChannelClosed) -> BrokerError:
    """Describe why the broker closed a channel.

    Returns:
        `NameTaken`, or the `BrokerError` itself for what no second attempt mends.
    """
    if error.reply_code == 405:
        return NameTaken(safe_text(error.reply_text))
    return BrokerError(f"the broker at {address} refused: {describe(error)}")


def mute(address: BrokerAddress, timeout_s: float) -> ConnectionLost:
    """Describe a broker that does not answer any longer."""
    return ConnectionLost(f"the broker at {address} did not answer within {duration(timeout_s)}")


def describe(error: Exception) -> str:
    """Return one line about an error, whatever its class."""
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code is not None:
        return safe_text(f"{code} {text}")
    return safe_text(getattr(error, "strerror", None) or error) or type(error).__name__


# -- TLS -----------------------------------------------------------------------------------------------------


def no_tls(address: BrokerAddress, error: Exception) -> BrokerError:
    """Describe why TLS did not come about.

    Args:
        address: Where the connection led.
        error: What the socket or OpenSSL said.

    Returns:
        `LoginRefused` when a certificate is not accepted, by us or by the broker; else `BrokerUnreachable`.
    """
    tls = address.tls or TlsSettings()
    if isinstance(error, ssl.SSLCertVerificationError):
        return LoginRefused(f"the broker at {address} is not trusted: {_distrust(address, tls, error)}")
    if is_refusal(error):
        return refused_certificate(address, error)
    reason = getattr(error, "reason", None)
    if reason in _OLD:
        return BrokerUnreachable(f"the broker at {address} offers only TLS older than 1.2: it has to be updated")
    if isinstance(error, TimeoutError):
        said = f"it did not answer within {duration(address.connect_timeout_s)}"
    else:
        said = str(reason or getattr(error, "strerror", None) or error).lower().replace("_", " ")
    unreachable = BrokerUnreachable(
        f"{address} does not speak TLS ({said}); brokers listen for it at a port of its own, mostly 5671 "
        + address.advice("(-p): name that one, or use --no-tls (tls: false)", "(broker_port), or set tls: false")
    )
    unreachable.is_final = reason in _NO_TLS
    return unreachable


def is_refusal(error: Exception) -> bool:
    """Whether the broker said that it does not accept our certificate, or that it wants one."""
    reason = getattr(error, "reason", None) or ""
    return isinstance(error, ssl.SSLError) and "_ALERT_" in reason and reason not in _OLD


def refused_certificate(address: BrokerAddress, error: Exception) -> LoginRefused:
    """Describe a broker that refuses us before it asks for a password."""
    reason = str(getattr(error, "reason", ""))
    said = reason.partition("_ALERT_")[2].lower().replace("_", " ")
    shown = address.tls.certificate_file if address.tls else None
    if shown is None:
        return LoginRefused(
            f"the broker at {address} wants a certificate from us ({said}): name one with "
            + address.advice("--certificate and --key (certificate_file, key_file)", _CERTIFICATE)
        )
    return LoginRefused(
        f"the broker at {address} refused the certificate in {shown} ({said}): it has to be valid, and signed by "
        "an authority that the broker trusts"
    )


def without_a_word(address: BrokerAddress) -> BrokerUnreachable:
    """Describe a peer that took our greeting and hung up: it expected TLS, or not ours."""
    if address.tls is None:
        return BrokerUnreachable(
            f"{address} hung up during the login, before it said anything, as a port for TLS does; if it is one, "
            + address.advice(
                "use --tls (tls: true, or broker: amqps://…), else name the port for AMQP with -p",
                "set tls: true, or broker: amqps://…, else name the port for AMQP with broker_port",
            )
        )
    shown = address.tls.certificate_file
    remedy = (
        f"the certificate in {shown} is valid, and of an authority that it trusts"
        if shown
        else f"it wants a certificate from us ({address.advice('--certificate and --key', _CERTIFICATE)})"
    )
    return BrokerUnreachable(
        f"the broker at {address} hung up during the login, before it said anything: see whether {remedy}, and "
        "what its log says"
    )


def _distrust(address: BrokerAddress, tls: TlsSettings, error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return "its certificate has expired, and it needs a new one (or the clock of this machine is wrong)"
    if code == _NOT_YET:
        return "its certificate is not valid yet: is the clock of this machine right?"
    if code in _OTHER_NAME:
        return (
            f"its certificate is not for {address.host!r}; name the broker as its certificate does"
            f"{address.advice(' (-b)', '')}, or have one made for this name"
        )
    if code in _UNKNOWN_AUTHORITY and tls.ca_file is None:
        return "nobody this machine knows has signed its certificate; name the authority's with " + address.advice(
            "--ca-file (ca_file)", "ca_file"
        )
    if code in _UNKNOWN_AUTHORITY:
        return (
            f"its certificate is not signed by what ca_file {tls.ca_file} holds; name its authority's certificate"
        )
    return f"its certificate cannot be verified: {error.verify_message}"
