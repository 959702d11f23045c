"""The broker and the exchanges that all contenders of one run share."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

import pika


def _fresh(kind: str) -> str:
    return f"benchmark_{uuid.uuid4().hex[:8]}_{kind}"


@dataclass(frozen=True)
class Target:
    """A broker, a login, and exchanges that nobody else uses: no other member's binding costs time."""

    host: str = "127.0.0.1"
    port: int = 5672
    username: str = "guest"
    password: str = "guest"
    requests_exchange: str = field(default_factory=lambda: _fresh("requests"))
    alerts_exchange: str = field(default_factory=lambda: _fresh("alerts"))

    @classmethod
    def from_text(cls, text: str) -> Target:
        """Read what :meth:`as_text` wrote, or ``host:port``."""
        if text.startswith("{"):
            return cls(**json.loads(text))
        host, _, port = text.rpartition(":")
        return cls(host=host, port=int(port))

    def as_text(self) -> str:
        """One word of a command line that holds all of it."""
        return json.dumps(asdict(self))

    def mesh(self) -> dict[str, Any]:
        """The ``dripline_mesh`` block of a service or client on this broker."""
        return {
            "broker": self.host,
            "broker_port": self.port,
            "requests_exchange": self.requests_exchange,
            "alerts_exchange": self.alerts_exchange,
        }

    def parameters(self) -> pika.ConnectionParameters:
        """What pika needs to connect."""
        login = pika.PlainCredentials(self.username, self.password)
        return pika.ConnectionParameters(self.host, self.port, credentials=login)

    def open_channel(self) -> pika.adapters.blocking_connection.BlockingChannel:
        """A channel of a new blocking connection, with both exchanges declared as the mesh has them."""
        channel = pika.BlockingConnection(self.parameters()).channel()
        for exchange in (self.requests_exchange, self.alerts_exchange):
            channel.exchange_declare(exchange, exchange_type="topic")
        return channel

    def remove_exchanges(self) -> None:
        """Leave the broker as it was found."""
        channel = self.open_channel()
        for exchange in (self.requests_exchange, self.alerts_exchange):
            channel.exchange_delete(exchange)
        channel.connection.close()
