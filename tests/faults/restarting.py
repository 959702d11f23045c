"""Brokers that can be restarted, for tests that do so."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest
from contract.meshes import Mesh
from support.ports import free_port
from support.rabbitmq_node import RabbitMQNode, new_node

from dripline.broker import EmbeddedBroker
from dripline.testing.faults import Faults
from dripline.transport.address import BrokerAddress


class Restarting(ABC):
    """A broker that can be restarted."""

    address: BrokerAddress

    @abstractmethod
    def restart(self) -> None:
        """Restart it; returns as soon as it is back."""


class Node(Restarting):
    """A RabbitMQ node, stopped in good order or killed in turn."""

    def __init__(self, node: RabbitMQNode) -> None:
        self.node = node
        self.address = node.address
        self._kill = False

    def restart(self) -> None:
        """Restart it."""
        if self._kill:
            self.node.kill()
        else:
            self.node.stop()
        self._kill = not self._kill
        self.node.start()


class Embedded(Restarting):
    """An embedded broker that comes back with what RabbitMQ would keep."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.faults = Faults(broker)
        self.address = BrokerAddress(broker.host, broker.port)

    def restart(self) -> None:
        """Restart it."""
        self.faults.restart(keep="durable", down_s=1.0)


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQNode]:
    """A RabbitMQ node of a module's own."""
    node = new_node()
    try:
        node.start()
        yield node
    finally:
        node.remove()


@pytest.fixture(params=["embedded", "rabbitmq"])
def restarting(request: pytest.FixtureRequest) -> Iterator[Restarting]:
    """Each broker in turn."""
    if request.param == "rabbitmq":
        yield Node(request.getfixturevalue("node"))
        return
    with EmbeddedBroker(port=free_port()) as broker:
        yield Embedded(broker)


@pytest.fixture
def restarting_mesh(restarting: Restarting) -> Mesh:
    """A mesh on it; its exchanges go with the broker."""
    address = restarting.address
    settings = {
        "broker": address.host,
        "broker_port": address.port,
        "requests_exchange": "requests",
        "alerts_exchange": "alerts",
    }
    return Mesh(address, settings, f"{time.time_ns() % 10**9}")
