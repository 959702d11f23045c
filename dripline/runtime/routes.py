"""Queues and bindings of a service or client, checked with probes and restored.

Exchanges are looked up, and the keys of requests are probed with a message each. The bindings of alerts cannot be
probed, since other consumers would get the message, too: they are made again, which changes nothing as a rule.
If an exchange of alerts was deleted and declared again by another member, a second exchange disappeared with it.
A check uses separate channels: it may find an exchange missing at any moment, and must not cost the connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from dripline.amqp.content import Delivery
from dripline.errors import ConnectionLost, NoRoute, ReplyTimeout
from dripline.runtime.link import MeshLink
from dripline.runtime.liveness import PROBE
from dripline.runtime.shared_names import SharedNames, some
from dripline.transport.connection import Connection
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

T = TypeVar("T")

#: How many keys are probed in one check, and how many bindings are declared again: the load stays small.
KEYS_AT_ONCE = 200
#: Longest time within which so many probes arrive, unless the broker or the network is at fault.
PATIENCE_S = 5.0
#: How long a probe that is returned takes; others may wait at the broker while a handler is busy.
BUSY_PATIENCE_S = 0.5

_REMEMBERED = 1000


class _Arrived(Exception):
    """A probe has arrived."""


class Binding(NamedTuple):
    """A binding of a queue."""

    exchange: str
    key: str


@dataclass(frozen=True)
class Route:
    """How messages reach one queue.

    Attributes:
        queue: its name.
        restore: declares and binds all that the queue needs, apart from the queue.
        exchanges: those that must exist.
        bindings: gives its bindings, which are declared again in each check, of many some in turn.
        probed: gives the routing keys of requests that are probed.
        is_busy: whether messages of the queue wait here, so that the next one may have to wait at the broker.
    """

    queue: str
    restore: Callable[[Connection], object]
    exchanges: Sequence[str] = ()
    bindings: Callable[[], Iterable[Binding]] = tuple
    probed: Callable[[], Iterable[str]] = tuple
    is_busy: Callable[[], bool] = lambda: False


class Routes:
    """The routes of one member, which it checks by pings to itself.

    These probes arrive while handlers are busy: they are taken out of the queues before any handler sees them. A
    reply to one can only come from a member whose endpoint has the same name.

    Args:
        link: its link.
        watches: whether to notice that exchanges of alerts were deleted and declared again. That takes an exchange
            named after the queue, which should not be a random name: after a crash it stays on the broker.

    Attributes:
        probes: keys of the probes by correlation id, the oldest first; also of late ones.
        shared: names that another service answers to, as the probes have shown.
    """

    def __init__(self, link: MeshLink, *, watches: bool = False) -> None:
        self._link = link
        self._watches = watches
        self._watched: dict[str, tuple[Connection, bool]] = {}  # by name; whether it could be declared
        self.shared = SharedNames(link.service_name)
        self.probes: dict[str | None, str] = {}
        self._routes: list[Route] = []
        self._key = self._binding = 0  # where the next slice begins
        self._closed = False

    def add(self, route: Route) -> None:
        """Check and restore this one, too."""
        self._closed = False
        self._routes.append(route)

    def close(self) -> None:
        """Restore nothing any more, and delete what was declared for the checks; while there is a connection."""
        self._closed = True
        watched, self._watched = self._watched, {}
        for name, (connection, declared) in watched.items():
            if declared:
                connection.drop_exchange(name)
        self._routes = []

    def check(self, connection: Connection) -> str:
        """Find out whether messages arrive.

        Returns:
            What is wrong; empty if nothing is, or if that cannot be found out at present.

        Raises:
            BrokerError: the connection is gone, or the broker takes no messages for now.
            TimeoutError: the broker took no data.
        """
        problem = self._missing(connection) or self._replaced(connection)
        if problem:
            return problem
        problem, late = self._probe(self._next_keys())
        if not problem and not self._closed:
            self.watch(connection)
            problem = self._bind_again(connection, late)
        return problem

    def take_probe(self, connection: Connection, delivery: Delivery) -> None:
        """Take a probe that has arrived; for the I/O thread."""
        self._link.pending_replies.fail_one(delivery.properties.correlation_id or "", _Arrived())
        connection.ack(delivery)

    def unreached(self) -> str:
        """Say which keys do not lead here. Result and errors as for `check`."""
        return self._probe(self._all_keys())[0]

    def probe_all(self) -> Iterator[None]:
        """Probe all keys, some in each step, so that other services with the same names reply.

        Raises:
            BrokerError: the connection is gone, or the broker takes no messages for now.
            TimeoutError: the broker took no data.
        """
        keys = self._all_keys()
        for first in range(0, len(keys), KEYS_AT_ONCE):
            self._send_probes(keys[first : first + KEYS_AT_ONCE], BUSY_PATIENCE_S)
            yield

    def restore(self) -> None:
        """Declare all exchanges, and bind all queues.

        Raises:
            BrokerError: the broker refused, or the connection is gone.
        """
        self._link.do(self._restore)

    # -- inside ----------------------------------------------------------------------------------------------

    def _send_probes(self, keys: Sequence[str], patience_s: float) -> tuple[list[str], list[str]]:
        """Send a probe to each key; returns the keys of probes that came back, and of those that are late."""
        self._link.pending_replies.observe(self.probes, self._replied)
        unrouted: list[str] = []
        silent: list[str] = []
        while len(self.probes) > _REMEMBERED:
            del self.probes[next(iter(self.probes))]
        probes = [MsgRequest.create(PROBE, op_t.cmd, key, "ping") for key in keys]
        self.probes.update((probe.correlation_id, probe.routing_key) for probe in probes)
        sent = self._link.send_probes(probes) if probes else []
        deadline = time.monotonic() + patience_s
        for pending in sent:
            key = pending.request.routing_key
            try:
                pending.wait(max(0.0, deadline - time.monotonic()))
            except _Arrived:
                continue
            except NoRoute:
                unrouted.append(key)
            except ReplyTimeout:
                silent.append(key)
        return unrouted, silent

    def _replied(self, delivery: Delivery) -> None:
        key = self.probes.get(delivery.properties.correlation_id)
        if key is not None:
            self.shared.on_reply(key, delivery)

    def _probe(self, keys: Sequence[str]) -> tuple[str, set[str]]:
        """Send probes to keys; what is wrong, and the keys of which nobody knows."""
        busy = {key for route in self._routes if route.is_busy() for key in route.probed()}
        patience_s = PATIENCE_S * (1 + len(keys) // KEYS_AT_ONCE)
        unrouted, silent = self._send_probes([key for key in keys if key not in busy], patience_s)
        more, held_up = self._send_probes([key for key in keys if key in busy], BUSY_PATIENCE_S)
        exchange, unrouted = self._link.mesh.requests_exchange, unrouted + more
        if unrouted:
            return f"no queue is bound to {some(unrouted)} on exchange {exchange!r}", set()
        if silent and not self._is_held_up():
            return f"requests for {some(silent)} do not arrive from exchange {exchange!r}", set()
        return "", {*silent, *held_up}

    def _restore(self, connection: Connection) -> None:
        if self._closed:
            return
        self._link.restore_exchanges(connection)
        for route in self._routes:
            route.restore(connection)
        self._watched.clear()
        self.watch(connection)

    def _missing(self, connection: Connection) -> str:
        mesh = self._link.mesh
        names = dict.fromkeys((mesh.requests_exchange, mesh.alerts_exchange))
        names.update(dict.fromkeys(name for route in self._routes for name in route.exchanges))
        missing = [name for name in names if not connection.has_exchange(name)]
        if not missing:
            return ""
        return (
            f"exchange{'s' if len(missing) > 1 else ''} {some(missing)} {'are' if missing[1:] else 'is'} missing"
        )

    def _watchers(self) -> dict[str, str]:
        """Exchanges of alerts that lead to a queue, by the name of what is deleted along with each."""
        requests = self._link.mesh.requests_exchange
        return {
            f"{exchange}.watch.{route.queue}": exchange
            for route in self._routes
            for exchange in {exchange for exchange, _ in route.bindings()} - {requests}
            if self._watches
        }

    def watch(self, connection: Connection) -> None:
        """From now on notice that exchanges of alerts are deleted and declared again; once for a connection.

        Raises:
            BrokerError: the connection is gone.
        """
        for name, exchange in self._watchers().items():
            if name not in self._watched or self._watched[name][0] is not connection:
                self._watched[name] = connection, connection.watch_exchange(name, exchange)

    def _replaced(self, connection: Connection) -> str:
        for name, exchange in self._watchers().items():
            if self._watched.get(name) == (connection, True) and not connection.has_exchange(name):
                del self._watched[name]
                return f"exchange {exchange!r} was deleted, and declared again by another member"
        return ""

    def _bind_again(self, connection: Connection, late: set[str]) -> str:
        """Make bindings again that are not probed, or whose probes are late; says what is wrong."""
        requests = self._link.mesh.requests_exchange
        probed = {(requests, f"{key}.#") for key in self._all_keys() if key not in late}
        bindings = [
            (route.queue, *binding)
            for route in self._routes
            for binding in route.bindings()
            if binding not in probed
        ]
        self._binding, chosen = _slice(bindings, self._binding)
        refused = connection.bind_aside(chosen)
        if refused:
            return self._missing(connection) or f"a queue cannot be bound: {refused}"
        self._link.bind_replies_again(connection)
        durable = self._link.mesh.durable_alerts_exchange
        is_ours = any(durable in route.exchanges for route in self._routes)
        self._link.alerts.lead_on_again(connection, always=is_ours)
        return ""

    def _all_keys(self) -> list[str]:
        return [key for route in self._routes for key in route.probed()]

    def _next_keys(self) -> list[str]:
        keys = self._all_keys()
        self._key, chosen = _slice(keys[1:], self._key)
        return keys[:1] + chosen  # the member's own name is first, and probed in each check

    def _is_held_up(self) -> bool:
        """Whether probes may be late for another reason than a missing binding."""
        if any(route.is_busy() for route in self._routes):
            return True
        begin = time.monotonic()
        try:
            self._link.connection.has_exchange(self._link.mesh.requests_exchange)
        except ConnectionLost:
            return True
        return time.monotonic() - begin > PATIENCE_S / 2


def _slice(items: list[T], begin: int) -> tuple[int, list[T]]:
    """Give the next items in turn, and where those after them begin."""
    if len(items) <= KEYS_AT_ONCE:
        return 0, items
    begin %= len(items)
    chosen = (items + items)[begin : begin + KEYS_AT_ONCE]
    return begin + KEYS_AT_ONCE, chosen
