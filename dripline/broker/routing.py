"""From a basic.publish to the queues it reaches."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from dripline.broker.errors import ChannelFault, ConnectionFault, no_exchange
from dripline.broker.exchange import Exchange
from dripline.broker.frames import PUBLISH
from dripline.broker.message import Message
from dripline.broker.queue import Queue

_ROUTES_KEPT: Final = 8192
_MANDATORY: Final = 1
_IMMEDIATE: Final = 2
_EXCHANGE_AT: Final = 6  # after method index and ticket
_PUBLISH: Final = int.from_bytes(PUBLISH, "big")


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

    def __init__(self, vhost: str, exchanges: dict[str, Exchange], queues: dict[str, Queue]) -> None:
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
            raise ConnectionFault(501, "cannot decode basic.publish: it is cut short", _PUBLISH) from None
        if flags_at + 1 != len(publish):  # routes are remembered by all of it
            raise ConnectionFault(501, "cannot decode basic.publish: something follows it", _PUBLISH)
        if flags & _IMMEDIATE:
            raise ConnectionFault(540, "immediate=true")
        name = publish[_EXCHANGE_AT + 1 : key_at].decode(errors="replace")
        key = publish[key_at + 1 : flags_at]
        queues = tuple(self._match(name, key))
        return Route(publish[_EXCHANGE_AT:flags_at], bool(flags & _MANDATORY), queues)

    def _match(self, name: str, key: bytes) -> dict[Queue, None]:
        if not name:
            queue = self._queues.get(key.decode(errors="replace"))
            return {} if queue is None else {queue: None}
        exchange = self._exchanges.get(name)
        if exchange is None:
            raise no_exchange(name, self._vhost)
        if exchange.internal:
            raise ChannelFault(403, f"cannot publish to internal exchange '{name}' in vhost '{self._vhost}'")
        return _reachable(exchange, key)


def _reachable(exchange: Exchange, key: bytes) -> dict[Queue, None]:
    """Queues reached from an exchange, also through exchanges bound to it; each once."""
    queues: dict[Queue, None] = {}
    seen = {exchange}
    waiting = [exchange]
    while waiting:
        for destination in waiting.pop().match(key):
            if isinstance(destination, Queue):
                queues[destination] = None
            elif isinstance(destination, Exchange) and destination not in seen:
                seen.add(destination)
                waiting.append(destination)
    return queues
