"""What goes wrong with TLS, in words for a person."""

from __future__ import annotations

import ssl

from dripline.errors import BrokerError, BrokerUnreachable, LoginRefused
from dripline.transport.address import BrokerAddress, TlsSettings
from dripline.wire.safe_text import duration

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = {62, 64}
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}  # what answers is not TLS at all
_CERTIFICATE = "certificate_file and key_file"
_OLD = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"}


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
