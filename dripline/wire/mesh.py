"""What all members of a mesh agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from dripline.wire.errors import ConfigurationError


@dataclass(frozen=True)
class MeshSettings:
    """What all members of a mesh agree on.

    Attributes:
        broker: host name or address of the broker.
        broker_port: its TCP port.
        virtual_host: the AMQP virtual host.
        requests_exchange: exchange of requests and replies.
        alerts_exchange: exchange of alerts.
        max_payload_size: longest body of one AMQP message, in bytes; longer ones are cut into chunks.
        heartbeat_routing_key: first word of the routing key of heartbeats.
        max_connection_attempts: how often a first connection is tried before giving up.
        return_codes: return codes of this mesh, as a list of `{name, value, description}` or the name of a
            YAML file that holds one.
    """

    broker: str = "localhost"
    broker_port: int = 5672
    virtual_host: str = "/"
    requests_exchange: str = "requests"
    alerts_exchange: str = "alerts"
    max_payload_size: int = 10000
    heartbeat_routing_key: str = "heartbeat"
    max_connection_attempts: int = 10
    return_codes: Sequence[Mapping[str, Any]] | str | None = None

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any] | None) -> MeshSettings:
        """Check and take over the `dripline_mesh` block of a configuration.

        Args:
            mapping: setting by name; missing ones, and those that are None, keep their default.

        Raises:
            ConfigurationError: an unknown setting (the text names the nearest known one) or a wrong type.
        """
        if mapping is None:
            return cls()
        if not isinstance(mapping, Mapping):
            raise ConfigurationError(f"dripline_mesh must be a mapping of settings, not {mapping!r}")
        known = {field.name for field in fields(cls)}
        for key in mapping:
            if key not in known:
                raise ConfigurationError(_unknown(key, known))
        return cls(**{key: _checked(key, value) for key, value in mapping.items() if value is not None})


_POSITIVE = {"max_payload_size", "max_connection_attempts"}


def _unknown(key: object, known: set[str]) -> str:
    from difflib import get_close_matches  # only a wrong configuration pays for this import

    near = get_close_matches(str(key), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"dripline_mesh: unknown setting {key!r}; {hint}"


def _checked(key: str, value: Any) -> Any:
    if key == "return_codes":
        return _return_codes(value)
    if isinstance(getattr(MeshSettings, key), int):
        return _integer(key, value)
    if not isinstance(value, str):
        raise ConfigurationError(f"dripline_mesh: {key} must be a text, not {value!r}")
    return value


def _integer(key: str, value: Any) -> int:
    # A number that came through ENV{NAME} is a text of digits.
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"dripline_mesh: {key} must be a whole number, not {value!r}")
    if value < (1 if key in _POSITIVE else 0) or (key == "broker_port" and value > 65535):
        raise ConfigurationError(f"dripline_mesh: {key} is out of range: {value}")
    return value


def _return_codes(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(entry, Mapping) for entry in value):
        return tuple(dict(entry) for entry in value)
    raise ConfigurationError(
        "dripline_mesh: return_codes must be a list of {name, value, description} "
        f"or the name of a YAML file, not {value!r}"
    )
