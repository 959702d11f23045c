"""Exchanges: from a routing key to the queues bound under it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from dripline.amqp.topic_index import TopicIndex
from dripline.broker.errors import ConnectionFault

BindingKey: TypeAlias = tuple[bytes, str]  # routing key, arguments as canonical text


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


class Exchange(Destination, ABC):
    """One exchange of a virtual host; subclasses know how to match a routing key.

    Args:
        internal: clients may not publish to it.
        name, durable, auto_delete, arguments: as of any `Destination`.
    """

    kind: str

    def __init__(
        self, name: str, *, durable: bool, auto_delete: bool, internal: bool, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__(name, durable, auto_delete, arguments)
        self.internal = internal
        self.bindings: dict[Destination, set[BindingKey]] = {}

    def bind(self, destination: Destination, key: bytes, arguments: str) -> None:
        """Add a binding; the same one again changes nothing."""
        keys = self.bindings.setdefault(destination, set())
        keys.add((key, arguments))
        destination.bound_to.add(self)
        self._index(key, destination)

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

    @abstractmethod
    def match(self, key: bytes) -> Iterable[Destination]:
        """Destinations bound under a binding key that matches."""

    def _index(self, key: bytes, destination: Destination) -> None:
        """A binding key is new for a destination; for kinds that match by key."""

    def _unindex(self, key: bytes, destination: Destination) -> None:
        """A destination is no longer bound under a key; for kinds that match by key."""


class DirectExchange(Exchange):
    """Matches equal keys."""

    kind = "direct"

    def __init__(self, name: str, **properties: Any) -> None:
        super().__init__(name, **properties)
        self._by_key: dict[bytes, dict[Destination, None]] = {}

    def match(self, key: bytes) -> Iterable[Destination]:
        """Destinations bound under exactly this key."""
        return self._by_key.get(key, ())

    def _index(self, key: bytes, destination: Destination) -> None:
        self._by_key.setdefault(key, {})[destination] = None

    def _unindex(self, key: bytes, destination: Destination) -> None:
        bound = self._by_key.get(key)
        if bound is not None:
            bound.pop(destination, None)
            if not bound:
                del self._by_key[key]


class FanoutExchange(Exchange):
    """Matches every key."""

    kind = "fanout"

    def match(self, key: bytes) -> Iterable[Destination]:
        """All destinations."""
        return self.bindings


class TopicExchange(Exchange):
    """Matches by words, `*` standing for one and `#` for any number of them."""

    kind = "topic"

    def __init__(self, name: str, **properties: Any) -> None:
        super().__init__(name, **properties)
        self._topics: TopicIndex[Destination] = TopicIndex()

    def match(self, key: bytes) -> Iterable[Destination]:
        """Destinations with a binding key that matches."""
        return self._topics.match(key)

    def _index(self, key: bytes, destination: Destination) -> None:
        self._topics.add(key, destination)

    def _unindex(self, key: bytes, destination: Destination) -> None:
        self._topics.remove(key, destination)


class HeadersExchange(Exchange):
    """Exists by name only: matching by header table would mean decoding that of every message."""

    kind = "headers"

    def bind(self, destination: Destination, key: bytes, arguments: str) -> None:
        """Refuse.

        Raises:
            ConnectionFault: 540.
        """
        raise ConnectionFault(540, "bindings to an exchange of type 'headers'")

    def match(self, key: bytes) -> Iterable[Destination]:
        """No destination."""
        return ()


EXCHANGE_KINDS: dict[str, type[Exchange]] = {
    kind.kind: kind for kind in (DirectExchange, FanoutExchange, TopicExchange, HeadersExchange)
}
