"""A virtual host: its exchanges, queues and bindings."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dripline.broker.compatibility import OWN_RULES, Compatibility
from dripline.broker.errors import (
    ChannelFault,
    ConnectionFault,
    default_exchange_refused,
    deprecated_feature,
    inequivalent,
    no_exchange,
    no_queue,
    queue_locked,
    reserved_name,
)
from dripline.broker.exchange import EXCHANGE_KINDS, Destination, Exchange, Route, Router
from dripline.broker.frames import canonical, first_difference
from dripline.broker.memory_limit import Memory
from dripline.broker.queue import DeliveryLimit, Queue

_RESERVED: Final = "amq."
_PREDECLARED: Final = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
}


class Binding(NamedTuple):
    """A binding that exists."""

    source: Exchange
    destination: Destination
    key: bytes
    arguments: str


class VirtualHost:
    """All exchanges and queues.

    Args:
        name: as clients open it, for example "/".
        later: runs a function in the next turn of the loop.
        memory: counts what all queues hold.
        rules: those that differ between versions of RabbitMQ.
    """

    def __init__(
        self,
        name: str,
        later: Callable[[Callable[[], None]], object],
        memory: Memory,
        rules: Compatibility = OWN_RULES,
    ) -> None:
        self.name = name
        self.exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, Queue] = {}
        self._later = later
        self._memory = memory
        self._rules = rules
        self.router = Router(name, self.exchanges, self.queues)
        self.route: Callable[[bytes], Route] = self.router.route  # what is assigned here routes instead
        self._changed = self.router.forget
        for exchange, kind in _PREDECLARED.items():
            self._add_exchange(Exchange(exchange, kind, True, False, False, {}))

    # -- exchanges

    def exchange(self, name: str) -> Exchange:
        """The exchange of that name.

        Raises:
            ChannelFault: 404 when there is none, 403 for the default exchange, which cannot be declared or bound.
        """
        if not name:
            raise default_exchange_refused()
        found = self.exchanges.get(name)
        if found is None:
            raise no_exchange(name, self.name)
        return found

    def declare_exchange(
        self,
        name: str,
        kind: str,
        durable: bool,
        auto_delete: bool,
        internal: bool,
        arguments: Mapping[str, Any],
    ) -> None:
        """Create an exchange, or check that the one there is has the same properties.

        Raises:
            ChannelFault: 403 for a reserved name, 406 for other properties.
            ConnectionFault: 503 for an unknown type, 540 for the type headers.
        """
        if not name:
            raise default_exchange_refused()
        if kind not in EXCHANGE_KINDS:
            raise ConnectionFault(503, f"unknown exchange type '{kind}'")
        found = self.exchanges.get(name)
        if found is not None:
            _compare(
                f"exchange '{name}' in vhost '{self.name}'",
                type=(kind, found.kind),
                durable=(durable, found.durable),
                auto_delete=(auto_delete, found.auto_delete),
                internal=(internal, found.internal),
            )
            return
        if name.startswith(_RESERVED):
            raise reserved_name("exchange", name)
        if kind == "headers":
            raise ConnectionFault(540, "exchange type 'headers'")
        self._add_exchange(Exchange(name, kind, durable, auto_delete, internal, arguments))

    def delete_exchange(self, name: str, if_unused: bool) -> None:
        """Delete an exchange with its bindings; none of that name is no error.

        Raises:
            ChannelFault: 403 for a reserved name, 406 when it is in use and must not be.
        """
        if not name:
            raise default_exchange_refused()
        if name.startswith(_RESERVED):
            raise ChannelFault(403, f"deletion of system exchange '{name}' in vhost '{self.name}' not allowed")
        exchange = self.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and exchange.bindings:
            raise ChannelFault(406, f"exchange '{name}' in vhost '{self.name}' in use")
        self._remove_exchange(exchange)

    def _add_exchange(self, exchange: Exchange) -> None:
        self.exchanges[exchange.name] = exchange
        self._changed()

    def _remove_exchange(self, exchange: Exchange) -> None:
        del self.exchanges[exchange.name]
        for destination in tuple(exchange.bindings):
            exchange.forget(destination)
        self._forget_destination(exchange)

    # -- queues

    def queue(self, name: str, connection: object) -> Queue:
        """The queue of that name, as `connection` may use it.

        Raises:
            ChannelFault: 404 when there is none, 405 when it is exclusive to another connection.
        """
        found = self.queues.get(name)
        if found is None:
            raise no_queue(name, self.name)
        if found.owner is not None and found.owner is not connection:
            raise queue_locked(name, self.name)
        return found

    def declare_queue(
        self,
        name: str,
        connection: object,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        arguments: Mapping[str, Any],
    ) -> Queue:
        """Create a queue, or check that the one of that name has the same properties.

        The name "" lets the broker choose one.

        Raises:
            ChannelFault: 403 for a reserved name, 405 for another connection's, 406 for other properties, or those
                that a quorum queue cannot have.
            ConnectionFault: 541 when it is neither durable nor exclusive and the rules refuse that.
        """
        if name in self.queues:
            found = self.queue(name, connection)
            if exclusive != (found.owner is not None):
                raise queue_locked(name, self.name)
            owner = f"queue '{name}' in vhost '{self.name}'"
            _compare(owner, durable=(durable, found.durable), auto_delete=(auto_delete, found.auto_delete))
            difference = first_difference(arguments, found.arguments)
            if difference is not None:
                raise inequivalent(difference[0], owner, difference[1], difference[2])
            return found
        if name.startswith(_RESERVED):
            raise reserved_name("queue", name)
        if self._rules.refuses_transient_queues and not durable and not exclusive:
            raise deprecated_feature("transient_nonexcl_queues")
        name = name or generated_name("amq.gen-")
        delivery_limit = None
        described = f"queue '{name}' in vhost '{self.name}'"
        if arguments.get("x-queue-type") == "quorum":
            _check_quorum(described, durable, exclusive, auto_delete)
            delivery_limit = DeliveryLimit(name, arguments, self._rules)
        elif "x-delivery-limit" in arguments:
            kind = "of queue type rabbit_classic_queue"
            raise ChannelFault(406, f"invalid arg 'x-delivery-limit' for {described} {kind}")
        queue = Queue(
            name,
            durable=durable,
            auto_delete=auto_delete,
            arguments=arguments,
            owner=connection if exclusive else None,
            later=self._later,
            memory=self._memory,
            delivery_limit=delivery_limit,
        )
        self.queues[name] = queue
        self._changed()
        return queue

    def delete_queue(self, queue: Queue) -> None:
        """Delete a queue with its messages, and tell its consumers."""
        if queue.deleted:
            return
        queue.delete()
        del self.queues[queue.name]
        for consumer in tuple(queue.consumers):
            queue.consumers.remove(consumer)
            consumer.on_queue_deleted()
        self._forget_destination(queue)

    def delete_queues_of(self, connection: object) -> None:
        """Delete the queues that are exclusive to a connection."""
        for queue in [each for each in self.queues.values() if each.owner is connection]:
            self.delete_queue(queue)

    def delete_if_abandoned(self, queue: Queue) -> None:
        """Delete a queue that goes with its last consumer, when that has just gone."""
        if queue.auto_delete and not queue.consumers:
            self.delete_queue(queue)

    def lose_what_is_transient(self) -> None:
        """Keep what RabbitMQ keeps over a restart: what is durable, and persistent messages in it."""
        everything: tuple[Destination, ...] = (*self.queues.values(), *self.exchanges.values())
        for passing in (each for each in everything if not each.durable):
            for source in tuple(passing.bound_to):
                source.forget(passing)  # an auto-delete exchange stays, though nothing is bound to it
        for queue in tuple(self.queues.values()):
            if queue.durable:
                queue.purge_transient()
            else:
                self.delete_queue(queue)
        for exchange in tuple(self.exchanges.values()):
            if not exchange.durable and exchange.name in self.exchanges:
                self._remove_exchange(exchange)

    # -- bindings

    def bind(self, source: str, destination: Destination, key: bytes, arguments: Mapping[str, Any]) -> None:
        """Bind a queue or an exchange to an exchange.

        Raises:
            ChannelFault: 403 for the default exchange, 404 for an unknown one.
            ConnectionFault: 540 for an exchange of type headers.
        """
        self.exchange(source).bind(destination, key, canonical(arguments))
        self._changed()

    def find_binding(
        self, source: str, destination: Destination | None, key: bytes, arguments: Mapping[str, Any]
    ) -> Binding | None:
        """The binding with all these properties, or None; that an end of it is missing is no error.

        Raises:
            ChannelFault: 403 for the default exchange.
        """
        if not source:
            raise default_exchange_refused()
        exchange = self.exchanges.get(source)
        if exchange is None or destination is None:
            return None
        binding = Binding(exchange, destination, key, canonical(arguments))
        return binding if (key, binding.arguments) in exchange.bindings.get(destination, ()) else None

    def unbind(self, binding: Binding) -> None:
        """Undo `bind`."""
        binding.source.unbind(binding.destination, binding.key, binding.arguments)
        self._changed()
        self._drop_if_unbound(binding.source)

    def unbind_by_name(self, source: str, destination: str, key: str | None) -> int:
        """Remove bindings to a queue or an exchange, those of one key or all; how many there were."""
        exchange = self.exchanges.get(source)
        found = [
            Binding(exchange, bound, *binding)
            for bound, bindings in (exchange.bindings.items() if exchange is not None else ())
            if bound.name == destination
            for binding in bindings
            if exchange is not None and (key is None or binding[0] == key.encode())
        ]
        for binding in found:
            self.unbind(binding)
        return len(found)

    def _forget_destination(self, destination: Destination) -> None:
        for source in tuple(destination.bound_to):
            source.forget(destination)
            self._drop_if_unbound(source)
        self._changed()

    def _drop_if_unbound(self, exchange: Exchange) -> None:
        if exchange.auto_delete and not exchange.bindings and exchange.name in self.exchanges:
            self._remove_exchange(exchange)


def generated_name(prefix: str) -> str:
    """A name nobody else has, in the shape RabbitMQ gives: `amq.gen-` and 22 characters."""
    return prefix + base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _compare(owner: str, **properties: tuple[object, object]) -> None:
    """Refuse a declaration of which a property differs from the one that exists."""
    for name, (received, current) in properties.items():
        if received != current:
            raise inequivalent(name, owner, f"'{str(received).lower()}'", f"'{str(current).lower()}'")


def _check_quorum(described: str, durable: bool, exclusive: bool, auto_delete: bool) -> None:
    """Refuse what no quorum queue can be; otherwise one is a durable queue here."""
    for what, wrong in (
        ("non-durable", not durable),
        ("exclusive-owner", exclusive),
        ("auto-delete", auto_delete),
    ):
        if wrong:
            raise ChannelFault(406, f"invalid property '{what}' for {described}")
