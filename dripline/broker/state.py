"""State shared by all connections of a broker, the hooks for fault injection, and `Peer`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from dripline.broker.compatibility import FRAME_MAX, OWN_RULES, Compatibility
from dripline.broker.errors import ConnectionFault
from dripline.broker.memory_limit import MEGABYTE, Alarm, Memory, Publisher
from dripline.broker.stream import Heartbeat, WriteBuffer
from dripline.broker.vhost import VirtualHost

CHANNEL_MAX: Final = 2047

C = TypeVar("C", bound=Publisher)


@dataclass(frozen=True)
class Settings:
    """How a broker was set up.

    Attributes:
        heartbeat_s: heartbeat interval offered to clients, in seconds; 0 for none.
        max_body_size: longest message body accepted, in bytes.
        max_queue_bytes: a queue that is not durable drops its oldest messages when it holds more.
        max_memory_bytes: publishers wait while the messages of all queues take more.
        compatibility: rules that differ between versions of RabbitMQ.
    """

    username: str
    password: str = field(repr=False)
    virtual_host: str
    heartbeat_s: int
    max_body_size: int = 64 * MEGABYTE
    max_queue_bytes: int = 128 * MEGABYTE
    max_memory_bytes: int = 512 * MEGABYTE
    compatibility: Compatibility = OWN_RULES


class Hooks(Generic[C]):
    """What is called at the turning points of a broker, to do something more there; this one does nothing."""

    def on_connected(self, connection: C) -> None:
        """A client has connected; nobody knows its name yet."""

    def refuses_login(self, connection: C) -> bool:
        """Whether a client must not log in, though its password is right."""
        return False

    def on_opened(self, connection: C) -> None:
        """A client has logged in."""

    def on_new_vhost(self) -> None:
        """The virtual host is another one."""

    def on_stop(self) -> None:
        """The broker is about to stop."""


class State(Generic[C]):
    """The virtual host, the connections, and those of them that have something to send.

    Attributes:
        hooks: faults that a test wants, for example.
        listening: clients may connect; one that was on its way when that ended is sent off.
    """

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.loop = loop
        self.connections: set[C] = set()
        self.hooks: Hooks[C] = Hooks()
        self.listening = False
        self.alarm = Alarm(self.connections, self._later)
        self._memory: Memory | None = None
        self.begin_empty()
        self.to_flush: list[WriteBuffer] = []

    def begin_empty(self) -> None:
        """Have a virtual host with nothing in it."""
        settings = self.settings
        self.alarm.end(self._memory)
        self._memory = Memory(settings.max_memory_bytes, settings.max_queue_bytes, self.alarm)
        self.vhost = VirtualHost(settings.virtual_host, self._later, self._memory, settings.compatibility)
        self.hooks.on_new_vhost()

    def flush(self) -> None:
        """Write what was gathered: one write per connection for all that one event caused."""
        while self.to_flush:
            self.to_flush.pop().flush()

    def after(self, delay_s: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Run a function later, and write what it caused."""
        return self.loop.call_later(delay_s, self._run_and_flush, function)

    def _later(self, function: Callable[[], None]) -> None:
        self.loop.call_soon(self._run_and_flush, function)

    def _run_and_flush(self, function: Callable[[], None]) -> None:
        function()
        self.flush()


class Peer:
    """A client's connection, as its channels and its handshake know it.

    Attributes:
        congested: the client does not read fast enough; nothing is delivered to it until it does.
        certified_name: the name in the certificate that the client has proved to have; empty without one.
        client_name: what the client calls itself (its property ``connection_name``).
        confirm_later: calls a function with the next flush, to confirm what a channel published.
        frame_max: longest frame the client takes, in bytes.
        publishes: the client has published something.
        send: gathers bytes; they go out with the next flush.
    """

    vhost: VirtualHost
    heartbeat: Heartbeat
    send: Callable[[bytes], None]
    confirm_later: Callable[[Callable[[], None]], None]

    def __init__(self, state: State[Any]) -> None:
        self.state = state
        self.max_body_size = state.settings.max_body_size
        self.frame_max = FRAME_MAX
        self.channel_max = CHANNEL_MAX
        self.wants_cancel_notifications = False
        self.wants_blocked_notifications = False
        self.closes_on_refused_login = False
        self.certified_name = ""
        self.client_name = ""
        self.publishes = False
        self.congested = False
        self._unfinished = 0  # bytes of messages that have begun

    def count_unfinished(self, size: int) -> None:
        """A piece of a message came whose other pieces are still to come; a negative size takes it off again.

        Raises:
            ConnectionFault: 506 when all of them together are longer than one message may be.
        """
        self._unfinished += size
        if self._unfinished > self.max_body_size:
            raise ConnectionFault(506, f"unfinished messages take more than {self.max_body_size} bytes")
