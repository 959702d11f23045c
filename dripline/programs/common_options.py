"""Values of the options that all commands share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The options about the mesh, and their keys in `dripline_mesh`.
MESH_KEYS = {
    "broker": "broker",
    "port": "broker_port",
    "requests_exchange": "requests_exchange",
    "alerts_exchange": "alerts_exchange",
    "max_payload": "max_payload_size",
    "heartbeat_routing_key": "heartbeat_routing_key",
    "max_connection_attempts": "max_connection_attempts",
    "ca_file": "ca_file",
    "certificate": "certificate_file",
    "key": "key_file",
    "auth_mechanism": "auth_mechanism",
    "tls": "tls",
    "verify": "verify",
}


@dataclass(frozen=True)
class CommonOptions:
    """What the options of every command said; None for those not given.

    Attributes:
        config: configuration file.
        further_configs: files of further `-c`, for a command that takes several.
        verbose: how many `-v`.
        quiet: how many `-q`.
        username: login at the broker.
        password: its secret.
        password_file: a file that holds the secret.
        auth_file: a file of secrets by group and item.
        broker: host of the broker.
        port: its port.
        requests_exchange: exchange of requests and replies.
        alerts_exchange: exchange of alerts.
        max_payload: longest body of one AMQP message, in bytes.
        heartbeat_routing_key: first word of heartbeats' routing keys.
        max_connection_attempts: how often to try before giving up.
        tls: whether the connection to the broker is encrypted.
        verify: whether the broker has to prove who it is.
        ca_file: file of the authorities that are trusted.
        certificate: file of the certificate that is shown to the broker.
        key: file of its key.
        auth_mechanism: whether a password or the certificate logs in.
    """

    config: str | None = None
    further_configs: tuple[str, ...] = ()
    verbose: int = 0
    quiet: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    auth_file: str | None = None
    broker: str | None = None
    port: int | None = None
    requests_exchange: str | None = None
    alerts_exchange: str | None = None
    max_payload: int | None = None
    heartbeat_routing_key: str | None = None
    max_connection_attempts: int | None = None
    tls: bool | None = None
    verify: bool | None = None
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    auth_mechanism: str | None = None

    def as_configuration(self) -> dict[str, Any]:
        """The options as a configuration, None for those not given."""
        return {"dripline_mesh": {key: getattr(self, option) for option, key in MESH_KEYS.items()}}
