"""Limits for connections and concurrent requests."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Browsers use six each; a proxy before the server brings those of all.
_TOTAL = 512
_PER_CLIENT = 256
_QUIET_S = 30.0
_SWEEP_S = 1.0


class TooManyRequests(Exception):
    """As many requests wait as may; the text says of whom."""


class ConcurrencyLimit:
    """A limit of one server.

    Args:
        total: How many requests may wait.
        per_client: How many of them may come from one address.
    """

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()  # acquired on the event loop, perhaps released on another thread

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        with self._lock:
            return self._waiting.total()

    def acquire(self, client: str) -> Permit:
        """Let one more request wait.

        Args:
            client: The address of its sender.

        Raises:
            TooManyRequests: The limit is reached, of all or of this client.
        """
        with self._lock:
            if self._waiting.total() >= self._total:
                raise TooManyRequests(f"{self._total} requests wait for the mesh already, which is as many as may")
            if self._waiting[client] >= self._per_client:
                raise TooManyRequests(f"{self._per_client} requests of yours wait already, as many as may")
            self._waiting[client] += 1
        return Permit(self, client)

    def _release(self, client: str) -> None:
        with self._lock:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]


class Permit:
    """A request counts as waiting until this is released."""

    def __init__(self, limit: ConcurrencyLimit, client: str) -> None:
        self._limit: ConcurrencyLimit | None = limit
        self._client = client

    def release(self, *_: object) -> None:
        """Count it no longer; a second call does nothing. Arguments are ignored: it may be a callback."""
        limit, self._limit = self._limit, None
        if limit is not None:
            limit._release(self._client)


@dataclass
class _Connection:
    transport: asyncio.Transport
    permit: Permit
    asks: int
    quiet_since: float


class Connections:
    """Lets connections in, and closes those that ask nothing for a while, or so slowly that it comes to the same.

    Args:
        make: makes what speaks HTTP on a connection; None when the server is being stopped.
        total: how many there may be.
        per_client: how many of them may come from one address.
        quiet_s: longest time without a request, also one that is being written; in seconds.
    """

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol | None],
        total: int = _TOTAL,
        per_client: int = _PER_CLIENT,
        quiet_s: float = _QUIET_S,
    ) -> None:
        self._make = make
        self._limit = ConcurrencyLimit(total, per_client)
        self._quiet_s = quiet_s
        self._known: dict[asyncio.BaseProtocol, _Connection] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return self._limit.waiting

    def accept(self) -> asyncio.Protocol:
        """Make what a new connection meets first; for the `create_server` of an event loop."""
        return _Acceptor(self)

    def admit(self, transport: asyncio.Transport) -> None:
        """Let a connection in, or tell it that there are too many."""
        try:
            permit = self._limit.acquire(client_of(transport))
        except TooManyRequests:
            self._forget_closed()
            try:
                permit = self._limit.acquire(client_of(transport))
            except TooManyRequests:
                transport.write(_TOO_MANY)
                transport.close()
                return
        protocol = self._make()
        if protocol is None:
            permit.release()
            transport.abort()
            return
        self._known[protocol] = _Connection(transport, permit, 0, asyncio.get_running_loop().time())
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    @contextmanager
    def asking(self, protocol: asyncio.BaseProtocol) -> Iterator[None]:
        """Say that a request on a connection is at work, from its headers to the end of its answer."""
        connection = self._known.get(protocol)
        if connection is None:
            yield
            return
        connection.asks += 1
        try:
            yield
        finally:
            connection.asks -= 1
            connection.quiet_since = asyncio.get_running_loop().time()

    async def watch(self) -> None:
        """Close quiet connections, until cancelled."""
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._quiet_s / 2))
            self._forget_closed()
            latest = asyncio.get_running_loop().time() - self._quiet_s
            for connection in self._known.values():
                if not connection.asks and connection.quiet_since < latest:
                    connection.transport.abort()

    def _forget_closed(self) -> None:
        for protocol in [key for key, found in self._known.items() if found.transport.is_closing()]:
            self._known.pop(protocol).permit.release()


class _Acceptor(asyncio.Protocol):
    """What a new connection meets first."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connections.admit(transport)


def client_of(transport: asyncio.BaseTransport | None) -> str:
    """The address at the other end of a connection, without its port; empty when it has gone."""
    name = transport.get_extra_info("peername") if transport is not None else None
    return str(name[0]) if name else ""


_TOO_MANY_BODY = (
    b'{"return_code": 100, "return_name": "amqp_error", '
    b'"return_message": "there are too many connections; try again", "payload": null}'
)
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s"
) % (len(_TOO_MANY_BODY), _TOO_MANY_BODY)
