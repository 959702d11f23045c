"""A queue in which the broker keeps alerts while the service that handles them is away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dripline.runtime.alert_collector import AlertCollector
from dripline.runtime.dead_letters import DeadLetterFile
from dripline.runtime.link import MeshLink
from dripline.runtime.routes import Binding, Route, Routes
from dripline.transport.connection import Connection
from dripline.wire.message import Message

# How long to wait for the next chunk of an alert: nobody waits for an answer, and the sender's broker may have
# been short of memory meanwhile.
_CHUNK_WAIT_S = 60.0


@dataclass(frozen=True)
class DurableQueue:
    """A queue of alerts that outlives the process of its service.

    It hangs on a durable exchange, so that its bindings outlive a restart of the broker, too.

    Attributes:
        name: Its name.
        keys: Gives its binding keys.
        take: Called with each message, one at a time.
        memory_bytes: How many bytes of messages may be here and not acknowledged.
        dead_letters: Gives the file for messages that can never be handled.
    """

    name: str
    keys: Callable[[], Iterable[str]]
    take: Callable[[Message], None]
    memory_bytes: int
    dead_letters: Callable[[], Path]

    def open(self, link: MeshLink, routes: Routes, wait_s: float) -> AlertCollector:
        """Declare it on each connection and consume from it.

        Args:
            link: The link of the service.
            routes: The routes of the service.
            wait_s: How long missing chunks of a message are waited for, a minute at least.

        Returns:
            The worker that handles its messages.
        """
        exchange = link.mesh.durable_alerts_exchange
        letters = DeadLetterFile(self.dead_letters(), link.service_name)
        worker = AlertCollector(
            f"dripline-{self.name}", self.take, self.name, self.memory_bytes, letters, max(wait_s, _CHUNK_WAIT_S)
        )

        def bind(connection: Connection) -> None:
            connection.declare_durable_exchange(exchange, link.mesh.alerts_exchange)
            connection.bind(self.name, exchange, list(self.keys()))

        def set_up(connection: Connection) -> None:
            connection.declare_durable_queue(self.name)
            bind(connection)
            connection.declare_exchanges(
                [link.mesh.alerts_exchange]
            )  # the answer comes after the bindings are made
            worker.consume(connection)

        link.add_setup(set_up)
        routes.add(
            Route(
                self.name,
                bind,
                exchanges=[exchange],
                bindings=lambda: [Binding(exchange, key) for key in self.keys()],
            )
        )
        return worker
