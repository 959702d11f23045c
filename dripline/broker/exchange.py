"""Exchanges: from a routing key to the queues bound under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from dripline.amqp.topic_index import TopicIndex
from dripline.broker.errors import ConnectionFault

BindingKey: TypeAlias = tuple[bytes, str]  # routing key, arguments as canonical text
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
