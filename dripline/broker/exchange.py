"""Exchanges, and the routing of a published message to queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from dripline.amqp.topic_index import TopicIndex
from dripline.broker.errors import ChannelFault, ConnectionFault, no_exchange
from dripline.broker.frames import PUBLISH_INDEX
from dripline.broker.message import Message

BindingKey: TypeAlias = tuple[bytes, str]  # routing key, arguments as canonical text
_ROUTES_KEPT: Final = 8192
_MANDATORY: Final = 1
_IMMEDIATE: Final = 2
_EXCHANGE_AT: Final = 6  # after method index and ticket
EXCHANGE_KINDS: Final = ("direct", "fanout", "topic", "headers")


class Destination:
    """What can be bound to an exchange: a queue, or another exchange.

    Args:
        name: its name.
        durable: it survives a restart with what is durable; not the broker's process.
        auto_delete: an exchange goes with its last binding, a queue with its last consumer.
        arguments: as declared.

    Attributes:
        bound_to: the exchanges it is bound to.
    """

    def __init__(self, name: str, durable: bool, auto_delete: bool, arguments: Mapping[str, Any]) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.arguments = arguments
        self.bound_to: set[Exchange] = set()

    def put(self, message: Message) -> None:
        """Take a message; only queues do."""
        raise NotImplementedError


class Exchange(Destination):
    """One exchange of a virtual host.

    Args:
        kind: ``direct`` matches equal keys, ``fanout`` every key, ``topic`` by words, `*` standing for one and `#`
            for any number of them. ``headers`` exists by name only: matching by header table would mean decoding
            that of every message.
        internal: clients may not publish to it.
        name, durable, auto_delete, arguments: as of any `Destination`.
    """

    def __init__(
        self, name: str, kind: str, durable: bool, auto_delete: bool, internal: bool, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__(name, durable, auto_delete, arguments)
        self.kind = kind
        self.internal = internal
        self.bindings: dict[Destination, set[BindingKey]] = {}
        self._topics: TopicIndex[Destination] = TopicIndex()
        self._equal: dict[bytes, dict[Destination, None]] = {}

    def bind(self, destination: Destination, key: bytes, arguments: str) -> None:
        """Add a binding; the same one again changes nothing.

        Raises:
            ConnectionFault: 540 for an exchange of type headers.
        """
        if self.kind == "headers":
            raise ConnectionFault(540, "bindings to an exchange of type 'headers'")
        self.bindings.setdefault(destination, set()).add((key, arguments))
        destination.bound_to.add(self)
        if self.kind == "topic":
            self._topics.add(key, destination)
        else:
            self._equal.setdefault(key, {})[destination] = None

    def unbind(self, destination: Destination, key: bytes, arguments: str) -> None:
        """Remove a binding if there is one."""
        keys = self.bindings.get(destination, set())
        keys.discard((key, arguments))
        if not any(key == other for other, _ in keys):
            self._unindex(key, destination)
        if not keys:
            self.bindings.pop(destination, None)
            destination.bound_to.discard(self)

    def forget(self, destination: Destination) -> None:
        """Remove all bindings to a destination that is being deleted."""
        for key in {key for key, _ in self.bindings.pop(destination, ())}:
            self._unindex(key, destination)
        destination.bound_to.discard(self)

    def match(self, key: bytes) -> Iterable[Destination]:
        """Destinations bound under a binding key that matches."""
        if self.kind == "fanout":
            return self.bindings
        return self._topics.match(key) if self.kind == "topic" else self._equal.get(key, ())

    def _unindex(self, key: bytes, destination: Destination) -> None:
        if self.kind == "topic":
            self._topics.remove(key, destination)
        elif key in self._equal:
            self._equal[key].pop(destination, None)
            if not self._equal[key]:
                del self._equal[key]


class Target(Protocol):
    """What takes a message: a queue, or something before one."""

    def put(self, message: Message) -> None:
        """Take it."""


class Route(NamedTuple):
    """Where a message goes.

    Attributes:
        address: exchange and routing key, as two short strings.
        mandatory: the message is to be returned when it reaches no queue.
    """

    address: bytes
    mandatory: bool
    queues: tuple[Target, ...]


class Router:
    """Finds routes, and keeps them until the topology changes.

    Args:
        vhost: name of the virtual host.
        exchanges: the exchanges by name.
        queues: the queues by name, which the default exchange routes to.
    """

    def __init__(self, vhost: str, exchanges: Mapping[str, Exchange], queues: Mapping[str, Destination]) -> None:
        self._vhost = vhost
        self._exchanges = exchanges
        self._queues = queues
        self._known: dict[bytes, Route] = {}

    def forget(self) -> None:
        """An exchange, a queue or a binding has changed."""
        self._known.clear()

    def route(self, publish: bytes) -> Route:
        """Where a message goes; `publish` is the payload of its basic.publish frame, and these repeat.

        Raises:
            ChannelFault: 404 for an unknown exchange, 403 for an internal one.
            ConnectionFault: 540 for immediate, 501 for a payload cut short.
        """
        found = self._known.get(publish)
        if found is None:
            found = self._find(publish)
            if len(self._known) >= _ROUTES_KEPT:
                self._known.clear()
            self._known[publish] = found
        return found

    def _find(self, publish: bytes) -> Route:
        try:
            key_at = _EXCHANGE_AT + 1 + publish[_EXCHANGE_AT]
            flags_at = key_at + 1 + publish[key_at]
            flags = publish[flags_at]
        except IndexError:
            raise ConnectionFault(501, "cannot decode basic.publish: it is cut short", PUBLISH_INDEX) from None
        if flags_at + 1 != len(publish):  # routes are remembered by all of it
            raise ConnectionFault(501, "cannot decode basic.publish: something follows it", PUBLISH_INDEX)
        if flags & _IMMEDIATE:
            raise ConnectionFault(540, "immediate=true")
        name = publish[_EXCHANGE_AT + 1 : key_at].decode(errors="replace")
        key = publish[key_at + 1 : flags_at]
        queues = tuple(self._match(name, key))
        return Route(publish[_EXCHANGE_AT:flags_at], bool(flags & _MANDATORY), queues)

    def _match(self, name: str, key: bytes) -> dict[Destination, None]:
        if not name:
            queue = self._queues.get(key.decode(errors="replace"))
            return {} if queue is None else {queue: None}
        exchange = self._exchanges.get(name)
        if exchange is None:
            raise no_exchange(name, self._vhost)
        if exchange.internal:
            raise ChannelFault(403, f"cannot publish to internal exchange '{name}' in vhost '{self._vhost}'")
        return _reachable(exchange, key)


def _reachable(exchange: Exchange, key: bytes) -> dict[Destination, None]:
    """Queues reached from an exchange, also through exchanges bound to it; each once."""
    queues: dict[Destination, None] = {}
    seen = {exchange}
    waiting = [exchange]
    while waiting:
        for destination in waiting.pop().match(key):
            if not isinstance(destination, Exchange):
                queues[destination] = None
            elif destination not in seen:
                seen.add(destination)
                waiting.append(destination)
    return queues
