"""`MeshSettings`: broker address, TLS, exchanges and limits, read and checked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from dripline.config.diagnostics import InvalidConfiguration, error
from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError, advice
from dripline.wire.safe_text import hide_login

_BLOCK = "dripline_mesh"
PORT, TLS_PORT = 5672, 5671
# Programs that set everything give these though nobody chose them: they say nothing beside an address.
_USUAL = {"broker_port": PORT, "virtual_host": "/"}
_EXAMPLE = "amqps://lab-broker:5671/my_lab"
#: Settings that name a file of certificates or keys.
TLS_FILES = ("ca_file", "certificate_file", "key_file")
#: What logs in: user and password, or the certificate.
PLAIN, EXTERNAL = AUTH_MECHANISMS = "plain", "external"


@dataclass(frozen=True)
class MeshSettings:
    """What all members of a mesh agree on.

    Attributes:
        broker: host name or address of the broker; in files and options also amqps://host:port/virtual_host.
        broker_port: its TCP port; 5671 with TLS unless something else is given.
        virtual_host: the AMQP virtual host.
        requests_exchange: exchange of requests and replies.
        alerts_exchange: exchange of alerts.
        max_payload_size: longest body of one AMQP message, in bytes; longer ones are cut into chunks.
        heartbeat_routing_key: first word of the routing key of heartbeats.
        max_connection_attempts: how often a first connection is tried before giving up.
        return_codes: return codes of this mesh, as a list of `{name, value, description}` or the name of a
            YAML file that holds one.
        heartbeat_s: how often broker and members show each other that they are there, in seconds; a
            connection on which nothing came for twice as long is given up. 0 for never.
        max_reconnect_delay_s: longest pause between two attempts to come back, in seconds.
        self_check_interval_s: how often services and monitors check that their exchanges, queues and bindings are
            still there, in seconds; 0 for never.
        tls: whether the connection is encrypted.
        verify: whether the broker has to prove who it is.
        ca_file: PEM file of the authorities whose certificates are trusted; those of the system when not given.
        certificate_file: PEM file of the certificate that is shown to the broker.
        key_file: PEM file of its key, unless that is in the same file.
        auth_mechanism: what logs in: `plain`, user and password; `external`, the certificate.
    """

    broker: str = "localhost"
    broker_port: int = PORT
    virtual_host: str = "/"
    requests_exchange: str = "requests"
    alerts_exchange: str = "alerts"
    max_payload_size: int = 10000
    heartbeat_routing_key: str = "heartbeat"
    max_connection_attempts: int = 10
    return_codes: Sequence[Mapping[str, Any]] | str | None = None
    heartbeat_s: int = 10
    max_reconnect_delay_s: int = 2
    self_check_interval_s: float = 10.0
    tls: bool = False
    verify: bool = True
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    auth_mechanism: str = PLAIN

    @property
    def durable_alerts_exchange(self) -> str:
        """Exchange on which the queues of durable consumers hang; it outlives restarts of the broker."""
        return f"{self.alerts_exchange}.durable"

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any] | None) -> MeshSettings:
        """Check and take over the `dripline_mesh` block of a configuration.

        Args:
            mapping: setting by name; missing ones, and those that are None, keep their default.

        Raises:
            ConfigurationError: an unknown setting (the text names the nearest known one), a wrong type, or
                settings that do not go together.
        """
        if mapping is None:
            return cls()
        if not isinstance(mapping, Mapping):
            raise ConfigurationError(
                f"dripline_mesh must be a mapping of settings, not {hide_login(repr(mapping))}"
            )
        checked = {key: checked_setting(key, value) for key, value in mapping.items()}
        return cls(**resolved({key: value for key, value in checked.items() if value is not None}))


_POSITIVE = {"max_payload_size", "max_connection_attempts", "max_reconnect_delay_s"}
_HIGHEST = {"broker_port": 65535, "heartbeat_s": 65535}
_LONGEST_EXCHANGE = 240  # of 255: `.durable` comes behind it


def checked_setting(key: object, value: Any) -> Any:
    """Check one setting by itself, and convert it to the type it has; None is not given.

    Raises:
        ConfigurationError: There is no such setting, or the value is of a wrong kind.
    """
    if key not in _KINDS:
        hint = did_you_mean(str(key), _KINDS) or f"; known: {', '.join(sorted(_KINDS))}"
        raise InvalidConfiguration([error(f"dripline_mesh: unknown setting {key!r}{hint}", _BLOCK, str(key))])
    return None if value is None else _KINDS[str(key)](str(key), value)


def _invalid(key: str, text: str) -> InvalidConfiguration:
    return InvalidConfiguration([error(f"dripline_mesh: {key} {text}", _BLOCK, key)])


def _unlike(key: str, wanted: str, value: Any) -> InvalidConfiguration:
    return _invalid(key, f"must be {wanted}, not {hide_login(repr(value))}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _unlike(key, "a text", value)
    return value


# Booleans and numbers that came through ENV{NAME} are text.
def _switch(key: str, value: Any) -> bool:
    value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise _unlike(key, "true or false", value)
    return value


def _integer(key: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unlike(key, "a whole number", value)
    if not (1 if key in _POSITIVE else 0) <= value <= _HIGHEST.get(key, value):
        raise _invalid(key, f"is out of range: {value}")
    return value


def _seconds(key: str, value: Any) -> float:
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _unlike(key, "a number", value)
    if not 0 <= value <= threading.TIMEOUT_MAX:
        raise _invalid(key, f"is out of range: {value}")
    return float(value)


def _auth_mechanism(key: str, value: Any) -> str:
    mechanism = _text(key, value).lower()
    if mechanism not in AUTH_MECHANISMS:
        raise _unlike(key, " or ".join(AUTH_MECHANISMS), value)
    return mechanism


def _exchange(key: str, value: Any) -> str:
    name = _text(key, value)
    if not name or name.startswith("amq.") or len(name.encode(errors="replace")) > _LONGEST_EXCHANGE:
        limits = f"1 to {_LONGEST_EXCHANGE} bytes and not begin with 'amq.'"
        raise _invalid(key, f"must have {limits}, not {name!r:.60}")
    return name


def _return_codes(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(entry, Mapping) for entry in value):
        return tuple(dict(entry) for entry in value)
    raise _unlike(key, "a list of {name, value, description} or the name of a YAML file", value)


_OF_TYPE: dict[type, Callable[[str, Any], Any]] = {
    str: _text,
    int: _integer,
    float: _seconds,
    bool: _switch,
    type(None): _text,
}
_KINDS = {setting.name: _OF_TYPE[type(setting.default)] for setting in fields(MeshSettings)} | {
    "requests_exchange": _exchange,
    "alerts_exchange": _exchange,
    "return_codes": _return_codes,
    "auth_mechanism": _auth_mechanism,
}


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which `broker` is a host, and the port goes with TLS; each setting is of the right kind.

    Raises:
        ConfigurationError: They contradict each other, or `broker` is not an address.
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
