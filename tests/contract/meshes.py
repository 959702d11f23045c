"""A mesh of its own for a test, on either broker, with our services and clients on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika

from dripline.core import Interface, Service

from .conftest import BrokerAddress


@dataclass
class Mesh:
    """Exchanges that nobody else uses.

    Attributes:
        address: where the broker is.
        settings: the mesh's settings as a configuration gives them.
        suffix: makes names of queues unique, which all tests of a session share.
    """

    address: BrokerAddress
    settings: dict[str, Any]
    suffix: str

    @property
    def login(self) -> dict[str, Any]:
        """Arguments of services and clients."""
        return {
            "username": self.address.username,
            "password": self.address.password,
            "dripline_mesh": self.settings,
        }

    @property
    def requests(self) -> str:
        """The exchange of requests and replies."""
        return self.settings["requests_exchange"]

    @property
    def alerts(self) -> str:
        """The exchange of alerts."""
        return self.settings["alerts_exchange"]

    def name(self, label: str) -> str:
        """A name for a service or an asynchronous endpoint: a queue is called like it."""
        return f"{label}-{self.suffix}"

    def pika(self) -> pika.BlockingConnection:
        """A connection of plain pika."""
        login = pika.PlainCredentials(self.address.username, self.address.password)
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                self.address.host,
                self.address.port,
                self.address.virtual_host,
                login,
                blocked_connection_timeout=10,
            )
        )


@contextmanager
def fresh_mesh(address: BrokerAddress, **settings: Any) -> Iterator[Mesh]:
    """Make a mesh, and take its exchanges away afterwards.

    Args:
        address: the broker.
        **settings: further settings of the mesh.
    """
    suffix = uuid.uuid4().hex[:10]
    mesh = Mesh(
        address,
        {
            "broker": address.host,
            "broker_port": address.port,
            "virtual_host": address.virtual_host,
            "requests_exchange": f"requests-{suffix}",
            "alerts_exchange": f"alerts-{suffix}",
            "max_connection_attempts": 1,
            **settings,
        },
        suffix,
    )
    try:
        yield mesh
    finally:
        connection = mesh.pika()
        channel = connection.channel()
        for exchange in (mesh.requests, mesh.alerts):
            channel.exchange_delete(exchange)
        connection.close()


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Let a service run while a test goes on."""
    service.start()
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def client(mesh: Mesh, **arguments: Any) -> Iterator[Interface]:
    """A client of the mesh."""
    with Interface(**{"timeout_s": 5, **mesh.login, **arguments}) as interface:
        yield interface
