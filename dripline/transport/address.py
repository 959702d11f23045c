"""Where a broker is and how to log in there."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BrokerAddress:
    """The address of a broker with the login used there.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        virtual_host: AMQP virtual host.
        username: Login name.
        password: Secret; never part of ``repr`` or ``str``.
        heartbeat_s: AMQP heartbeat interval that is proposed, in seconds.
        connect_timeout_s: Longest wait for the socket and for the login, each, in seconds.
    """

    host: str = "localhost"
    port: int = 5672
    virtual_host: str = "/"
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    heartbeat_s: int = 30
    connect_timeout_s: float = 10.0

    def __str__(self) -> str:
        """Return ``host:port``, as messages to people name a broker."""
        return f"{self.host}:{self.port}"
