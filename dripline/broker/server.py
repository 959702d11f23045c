"""The embedded broker: listening sockets, and a thread with an asyncio loop of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from concurrent.futures import Future
from typing import Any, Final

from dripline.broker.connection import Connection
from dripline.broker.errors import ConnectionFault
from dripline.broker.hub import Hub, Settings

_GOODBYE_S: Final = 0.3  # for clients to answer connection.close
_BACKLOG: Final = 512


class EmbeddedBroker:
    """AMQP 0-9-1 broker on a real socket, in a thread of its own with its own asyncio loop.

    It keeps everything in memory and has one user and one virtual host. Any AMQP client can connect.

        with EmbeddedBroker(port=0) as broker:
            pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))

    Args:
        host: name or address to listen on.
        port: 0 picks a free one; `port` then tells which, and a restart takes the same.
        username: the one user.
        password: the user's password.
        virtual_host: the one virtual host.
        heartbeat_s: heartbeat interval offered to clients, in seconds; 0 for none.
        max_body_size: longest message body accepted, in bytes.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 5672,
        username: str = "guest",
        password: str = "guest",
        virtual_host: str = "/",
        heartbeat_s: int = 60,
        *,
        max_body_size: int = 64 * 1024 * 1024,
    ) -> None:
        self.host = host
        self.port = port
        self._listen_on = host
        self._settings = Settings(username, password, virtual_host, heartbeat_s, max_body_size)
        self._thread: threading.Thread | None = None
        self._hub: Hub | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Listen; returns when clients can connect.

        Raises:
            OSError: with errno EADDRINUSE when the port is taken.
            RuntimeError: when it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the broker runs already")
        sockets = _listen(self._listen_on, self.port)
        self.host, self.port = sockets[0].getsockname()[:2]
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(sockets, ready), name="dripline-broker", daemon=True
        )
        self._thread.start()
        try:
            ready.result()
        except RuntimeError:
            self._thread = None
            _close_all(sockets)
            raise

    def stop(self) -> None:
        """Close all clients' connections (320 CONNECTION_FORCED) and free the port.

        It can be started again, empty. Stopping a stopped broker does nothing.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        assert self._hub is not None
        assert self._stopping is not None
        self._hub.loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(sockets, ready))
        finally:
            if not ready.done():
                ready.set_exception(RuntimeError("the broker's thread could not start"))

    async def _serve(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        hub = self._hub = Hub(self._settings, loop)
        servers = [
            await loop.create_server(lambda: Connection(hub), sock=listener, backlog=_BACKLOG)
            for listener in sockets
        ]
        ready.set_result(None)
        await self._stopping.wait()
        for server in servers:
            server.close()
        await _say_goodbye(hub)


async def _say_goodbye(hub: Hub) -> None:
    for connection in tuple(hub.connections):
        connection.close(ConnectionFault(320, "broker forced connection closure with reason 'shutdown'"))
    deadline = hub.loop.time() + _GOODBYE_S
    while hub.connections and hub.loop.time() < deadline:
        await asyncio.sleep(0.005)
    for connection in tuple(hub.connections):
        connection.transport.abort()
    await asyncio.sleep(0)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on all addresses of `host` that this machine has, on one port."""
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            listener = _listen_at(family, (address[0], port, *address[2:]))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # as ::1 where there is no IPv6
                missing = error
                continue
            _close_all(listeners)
            raise
        listeners.append(listener)
        port = listener.getsockname()[1]  # the same for all addresses when a free one was asked for
    if missing is not None and not listeners:
        raise missing
    return listeners


def _listen_at(family: int, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _close_all(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
