"""The broker's address in mesh settings, written as an address or in parts, with what goes with TLS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from dripline.config.diagnostics import InvalidConfiguration, error
from dripline.errors import advice

PORT, TLS_PORT = 5672, 5671
# Programs that set everything give these though nobody chose them: they say nothing beside an address.
_USUAL = {"broker_port": PORT, "virtual_host": "/"}
_EXAMPLE = "amqps://lab-broker:5671/my_lab"
#: Settings that name a file of certificates or keys.
TLS_FILES = ("ca_file", "certificate_file", "key_file")
#: What logs in: user and password, or the certificate.
PLAIN, EXTERNAL = AUTH_MECHANISMS = "plain", "external"


def _invalid(key: str, text: str) -> InvalidConfiguration:
    return InvalidConfiguration([error(f"dripline_mesh: {key} {text}", "dripline_mesh", key)])


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which `broker` is a host, and the port goes with TLS.

    Args:
        settings: each of the right kind; only those that somebody gave.

    Raises:
        ConfigurationError: they contradict each other, or `broker` is no address.
    """
    found = dict(settings)
    address = found.get("broker", "")
    if "://" in address or "@" in address:
        found |= _parts(address, settings)
    elif not address and "broker" in found:
        raise _invalid("broker", f"is empty: write a host, such as localhost, or {_EXAMPLE}")
    elif address.count(":") == 1:  # more of them are an IPv6 address
        host, _, port = address.partition(":")
        raise _invalid(
            "broker", f"is {address}: write amqp://{address}, or broker: {host} and broker_port: {port} (-p)"
        )
    _check_tls(found)
    if found.get("tls"):
        found.setdefault("broker_port", TLS_PORT)
    return found


def _parts(address: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    parts, port = _split(address)
    found: dict[str, Any] = {"broker": parts.hostname, "tls": parts.scheme == "amqps"}
    if port is not None:
        found["broker_port"] = port
    elif found["tls"] and settings.get("broker_port") == PORT:
        found["broker_port"] = TLS_PORT
    if parts.path not in ("", "/"):
        found["virtual_host"] = unquote(parts.path[1:])
    for key, value in found.items():
        if key != "broker" and settings.get(key, value) not in (value, _USUAL.get(key, value)):
            raise _invalid("broker", f"is {address}, but {key} is {_spelt(settings[key])}: leave one of them out")
    return found


def _split(address: str) -> tuple[SplitResult, int | None]:
    shown = _shown(address)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # its text quotes parts of the address, perhaps those of a password
        raise _invalid("broker", f"is no address: {shown}; one looks like {_EXAMPLE}") from None
    if "@" in address:
        raise _invalid(
            "broker",
            f"must not hold user and password: write {shown.replace('…@', '')}, and give the login with username "
            f"and password,{advice(' -u and --password-file,', '')} or DRIPLINE_USER and DRIPLINE_PASSWORD",
        )
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or parts.query or parts.fragment:
        raise _invalid("broker", f"is no address: {shown}; one looks like {_EXAMPLE}")
    return parts, port


def _shown(address: str) -> str:
    before, at, behind = address.rpartition("@")
    scheme = next((scheme for scheme in ("amqps://", "amqp://") if before.startswith(scheme)), "")
    return f"{scheme}…@{behind}" if at else address


def _check_tls(settings: Mapping[str, Any]) -> None:
    if not settings.get("tls"):
        given = next((key for key in TLS_FILES if key in settings), None)
        if settings.get("verify") is False:
            given = given or "verify"
        if given is not None:
            raise _invalid(
                given,
                f"is for TLS, which is off: add 'tls: true'{advice(' (--tls)', '')} or write broker: amqps://…, "
                "or leave it out",
            )
    if "key_file" in settings and "certificate_file" not in settings:
        raise _invalid("key_file", "is given without certificate_file (--certificate): name both, or none")
    if settings.get("auth_mechanism") == EXTERNAL and "certificate_file" not in settings:
        raise _invalid(
            "auth_mechanism",
            "is external, which logs in by a certificate: name one with certificate_file (--certificate)",
        )


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
