"""A mesh of its own for a test, on either broker, with our services and clients on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika

from dripline.core import Interface, Service
from dripline.testing import own_exchanges
from dripline.transport.address import BrokerAddress


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
                blocked_connection_timeout=60,
            )
        )


@contextmanager
def fresh_mesh(address: BrokerAddress, *, durable: Sequence[str] = (), **settings: Any) -> Iterator[Mesh]:
    """Make a mesh, and take its exchanges away afterwards.

    Args:
        address: the broker.
        durable: labels of durable consumers, whose queues are taken away as well.
        **settings: further settings of the mesh.
    """
    with own_exchanges(address) as exchanges:
        mesh = Mesh(address, {**exchanges, **settings}, uuid.uuid4().hex[:10])
        yield mesh
        if durable:
            with mesh.pika() as connection:
                for label in durable:
                    connection.channel().queue_delete(f"{mesh.name(label)}.alerts")


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
    with Interface(**{"timeout_s": 20, **mesh.login, **arguments}) as interface:
        yield interface
