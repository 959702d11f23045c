"""`EmbeddedBroker`: starts and stops the broker in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, Literal, TypeAlias, TypeVar

from dripline.broker.channel import Channel
from dripline.broker.compatibility import OWN_RULES, Compatibility
from dripline.broker.connection import Connection
from dripline.broker.errors import ChannelFault, ConnectionFault
from dripline.broker.listening import BACKLOG, ServerTls, close_all, listen, server_context, stop_accepting
from dripline.broker.memory_limit import MEGABYTE
from dripline.broker.queue import Entry
from dripline.broker.state import Settings, State

logger = logging.getLogger("dripline.broker")

T = TypeVar("T")
Keep: TypeAlias = Literal["everything", "durable", "nothing"]

_GOODBYE_S: Final = 0.3  # for clients to answer connection.close
_TLS_HANDSHAKE_S: Final = 10.0


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
        max_queue_bytes: a queue that is not durable drops its oldest messages when they take more.
        max_memory_bytes: while the messages of all queues take more, publishers are blocked (connection.blocked).
        tls: certificate and key, when connections are to be encrypted; then all have to be.
        compatibility: rules that differ between versions of RabbitMQ, such as ``rabbitmq("4.3")``; without it the
            broker follows those of 3.10, with no limit on deliveries and no consumer timeout.
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
        max_body_size: int = 64 * MEGABYTE,
        max_queue_bytes: int = 128 * MEGABYTE,
        max_memory_bytes: int = 512 * MEGABYTE,
        tls: ServerTls | None = None,
        compatibility: Compatibility = OWN_RULES,
    ) -> None:
        self.host = host
        self.port = port
        self._listen_on = host
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._settings = Settings(
            username,
            password,
            virtual_host,
            heartbeat_s,
            max_body_size,
            max_queue_bytes,
            max_memory_bytes,
            compatibility,
        )
        self._thread: threading.Thread | None = None
        self._state: State[Connection] | None = None
        self._stopping: asyncio.Event | None = None
        self._servers: list[asyncio.Server] = []

    def start(self) -> None:
        """Listen; returns when clients can connect.

        Raises:
            OSError: with errno EADDRINUSE when the port is taken; another when a file of `tls` cannot be used.
            RuntimeError: when it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the broker runs already")
        self._context = None if self._tls is None else server_context(self._tls)
        sockets = listen(self._listen_on, self.port)
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
            close_all(sockets)
            raise

    def stop(self) -> None:
        """Close all clients' connections (320 CONNECTION_FORCED) and free the port.

        It can be started again, empty. Stopping a stopped broker does nothing.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        assert self._state is not None
        assert self._stopping is not None
        self._state.loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def suspend(self, *, keep: Keep = "everything", abruptly: bool = False) -> None:
        """Close all clients' connections and free the port, as at a restart; `resume` ends that.

        Queues that go with their connection or their last consumer go in any case, as their connections do.

        Args:
            keep: what is there afterwards: ``everything`` as if the machine had been paused, what is ``durable``
                with its persistent messages as RabbitMQ does it, or ``nothing``.
            abruptly: without a word to the clients, as when the process is killed.

        Raises:
            RuntimeError: when it does not run.
        """
        self._await(self._suspend(keep, abruptly))

    def resume(self) -> None:
        """Listen again after `suspend`.

        Raises:
            OSError: with errno EADDRINUSE when somebody took the port meanwhile.
            RuntimeError: when it does not run.
        """
        self._await(self._resume())

    def call(self, function: Callable[[State[Connection]], T]) -> T:
        """Run a function on the broker's thread, for looking at what it has, and for faults.

        Raises:
            RuntimeError: when it does not run.
        """
        return self._await(self._call(function))

    def dropped_at_limit(self) -> dict[str, int]:
        """How many messages came back too often and were dropped, by queue; queues that dropped none are left out.

        Raises:
            RuntimeError: when it does not run.
        """
        return self.call(
            lambda state: {
                name: queue.delivery_limit.dropped
                for name, queue in state.vhost.queues.items()
                if queue.delivery_limit is not None and queue.delivery_limit.dropped
            }
        )

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- on its thread

    def _run(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(sockets, ready))
        finally:
            if not ready.done():
                ready.set_exception(RuntimeError("the broker's thread could not start"))

    async def _serve(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        self._stopping = asyncio.Event()
        state = self._state = State[Connection](self._settings, asyncio.get_running_loop())
        ConsumerTimeout(state)
        await self._accept(state, sockets)
        ready.set_result(None)
        await self._stopping.wait()
        state.hooks.on_stop()
        await self._refuse(state)
        await _say_goodbye(state)

    async def _accept(self, state: State[Connection], sockets: list[socket.socket]) -> None:
        state.listening = True
        for listener in sockets:
            server = await state.loop.create_server(
                lambda: Connection(state),
                sock=listener,
                backlog=BACKLOG,
                ssl=self._context,
                ssl_handshake_timeout=_TLS_HANDSHAKE_S if self._context is not None else None,
            )
            self._servers.append(server)

    async def _refuse(self, state: State[Connection]) -> None:
        state.listening = False
        servers, self._servers = self._servers, []
        for server in servers:
            await stop_accepting(server)

    async def _suspend(self, keep: Keep, abruptly: bool) -> None:
        state = self._state
        assert state is not None
        await self._refuse(state)
        if not abruptly:
            await _say_goodbye(state)
        await _hang_up(state)
        if keep == "durable":
            state.vhost.lose_what_is_transient()
        elif keep == "nothing":
            state.begin_empty()

    async def _resume(self) -> None:
        state = self._state
        assert state is not None
        if not self._servers:
            await self._accept(state, listen(self._listen_on, self.port))

    async def _call(self, function: Callable[[State[Connection]], T]) -> T:
        state = self._state
        assert state is not None
        try:
            return function(state)
        finally:
            state.flush()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread is None:
            work.close()
            raise RuntimeError("the broker does not run")
        assert self._state is not None
        return asyncio.run_coroutine_threadsafe(work, self._state.loop).result()


async def _say_goodbye(state: State[Connection]) -> None:
    for connection in tuple(state.connections):
        connection.close(ConnectionFault(320, "broker forced connection closure with reason 'shutdown'"))
    deadline = state.loop.time() + _GOODBYE_S
    while state.connections and state.loop.time() < deadline:
        await asyncio.sleep(0.005)
    await _hang_up(state)


async def _hang_up(state: State[Connection]) -> None:
    for connection in tuple(state.connections):
        connection.transport.abort()
    while state.connections:
        await asyncio.sleep(0)


class ConsumerTimeout:
    """Examines all channels, and acts on deliveries that are older than the timeout.

    Args:
        state: The broker, whose rules name the timeout; none, and nothing is examined.
    """

    def __init__(self, state: State[Connection]) -> None:
        rules = state.settings.compatibility
        self._state = state
        self._timeout_s = rules.consumer_timeout_s
        self._cancels = rules.consumer_timeout_response == "cancel consumer"
        if self._timeout_s:
            state.after(self._timeout_s / 4, self._examine)

    def _examine(self) -> None:
        oldest = self._state.loop.time() - self._timeout_s
        for connection in tuple(self._state.connections):
            for channel in tuple(connection.channels.values()):
                for entry in self._overdue(channel, oldest):
                    self._act(connection, channel, entry)
        self._state.after(self._timeout_s / 4, self._examine)

    def _overdue(self, channel: Channel, oldest: float) -> list[Entry]:
        """One overdue delivery for each consumer, and one of basic.get."""
        found: dict[object, Entry] = {}
        for entry in channel.unacked.values():
            if entry.delivered_at > oldest:
                break  # oldest first: all others are younger
            if not self._cancels or entry.queue.delivery_limit is not None:
                found.setdefault(entry.consumer, entry)
        return list(found.values())

    def _act(self, connection: Connection, channel: Channel, entry: Entry) -> None:
        if connection.channels.get(channel.number) is not channel:
            return  # closed because of the delivery before
        if self._cancels and entry.consumer is not None and connection.wants_cancel_notifications:
            logger.warning("consumer %r acknowledged nothing for too long: cancelled", entry.consumer.tag)
            channel.reclaim(entry.consumer)
            return
        text = (
            f"delivery acknowledgement on channel {channel.number} timed out. Timeout value used: "
            f"{self._timeout_s * 1000:.0f} ms. This timeout value can be configured, see consumers doc guide to "
            "learn more"
        )
        connection.close_channel(channel, ChannelFault(406, text))
