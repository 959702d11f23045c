"""The connection to the broker that the examinations share; why the broker ended it during login."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, ProbableAuthenticationError

from dripline.errors import ConnectionLost
from dripline.transport.address import BrokerAddress
from dripline.transport.error_messages import describe
from dripline.transport.future import OneShotFuture
from dripline.transport.pika_adapter import PikaConnection, StreamEvents, parameters_for
from dripline.transport.topology import product_and_version
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.transport.tls import TlsEngine

_GOODBYE_S = 1.0


@dataclass(frozen=True)
class Product:
    """What a broker says it is.

    Attributes:
        name: such as `RabbitMQ`.
        version: as it tells it.
    """

    name: str
    version: str

    def __str__(self) -> str:
        """Name and version, as messages to people name it."""
        return " ".join(part for part in (self.name, self.version) if part) or "a broker that gives no name"


class BrokerLink(StreamEvents):
    """The doctor's AMQP connection; what the broker refuses ends a channel, never the connection.

    Args:
        address: broker and login.
        sock: a connected socket.
        tls: what encrypts it, if anything does.
        timeout_s: longest wait for each answer, in seconds.

    Attributes:
        address: broker and login.
    """

    def __init__(
        self, address: BrokerAddress, sock: socket.socket, tls: TlsEngine | None, timeout_s: float
    ) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._login: OneShotFuture[None] = OneShotFuture()
        self._answer: OneShotFuture[ChannelClosedByBroker | None] = OneShotFuture()
        self._server: Any = None
        self._pika = PikaConnection(parameters_for(address, "dl doctor"), self, sock, tls)
        self._pika.add_on_open_error_callback(self._on_refused, remove_default=False)
        self._pika.start()

    @property
    def product(self) -> Product | None:
        """What the broker is; None as long as it has not said so in AMQP 0-9-1."""
        server = self._server or self._pika.server_properties
        return Product(*product_and_version(server)) if server is not None else None

    @property
    def first_bytes(self) -> bytes:
        """What it said first."""
        return self._pika.loop.first_bytes

    @property
    def heartbeat_s(self) -> int:
        """The interval of heartbeats that was agreed on, in seconds; 0 for none."""
        return int(self._pika.params.heartbeat)

    def await_login(self, timeout_s: float) -> tuple[bool, Exception | None]:
        """Wait for the end of the login: whether it has come, and why it failed."""
        self._login.await_filled(timeout_s)
        brought = self._login.peek()
        return (False, None) if brought is None else (True, brought[1])

    def refusal_of(self, method: object, ahead: Callable[[int], bytes] = lambda _: b"") -> tuple[int, str]:
        """Call a method on a separate channel; code and text of the broker's refusal, 0 if it does not refuse.

        Args:
            method: a method of `pika.spec` that is answered.
            ahead: gives frames that are sent ahead of it, by the number of the channel.

        Raises:
            ConnectionLost: the broker does not answer in time, or the connection has ended.
        """
        answer: OneShotFuture[ChannelClosedByBroker | None] = OneShotFuture()
        self._answer = answer
        if not self._pika.is_open:
            raise ConnectionLost(f"the connection to the broker at {self.address} is closed")
        self._pika.loop.call_soon(lambda: self._pika.try_out(method, answer.set, ahead))
        try:
            refusal = answer.wait(self._timeout_s)
        except TimeoutError:
            raise ConnectionLost(f"the broker did not answer within {duration(self._timeout_s)}") from None
        return (0, "") if refusal is None else (refusal.reply_code, refusal.reply_text)

    def close(self) -> None:
        """End the connection, and wait a moment for the broker's goodbye."""
        loop = self._pika.loop
        loop.call_soon(lambda: self._pika.close() if self._pika.is_open else loop.abort())
        loop.thread.join(_GOODBYE_S)

    def on_open(self) -> None:
        """The broker accepted login and virtual host."""
        self._login.set(None)

    def on_closed(self, error: Exception) -> None:
        """The connection is gone."""
        self._login.fail(error)
        self._answer.fail(ConnectionLost(describe(error)))

    def _on_refused(self, connection: Any, error: Exception) -> None:
        """Take note of how far the login came, on the I/O thread: pika forgets it right after."""
        self._server = connection.server_properties
        probable = {
            connection.CONNECTION_START: ProbableAuthenticationError,
            connection.CONNECTION_TUNE: ProbableAccessDeniedError,
        }.get(connection.connection_state)
        self._login.fail(probable(repr(error)) if probable and isinstance(error, OSError) else error)
