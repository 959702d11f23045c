"""Faults inside the embedded broker: connections, logins, messages."""

from __future__ import annotations

import fnmatch
import functools
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import pika.spec

from dripline.broker.connection import Connection
from dripline.broker.exchange import Route, Router
from dripline.broker.message import Message
from dripline.broker.queue import Queue
from dripline.broker.state import Hooks, State
from dripline.testing.faulty_line import Line
from dripline.wire.enums import msg_t

_OURS: Final = " (dripline)"  # members of a mesh call their connections `NAME (dripline)`
_PROPERTIES_AT: Final = 12  # in a content header


# -- messages: lost, doubled, late or in the wrong order, between an exchange and a queue -------------------------


class PassingMessage:
    """A message on its way into one queue, as rules look at it.

    Attributes:
        queue: name of the queue.
        body: the body as bytes; one chunk of it when the message is long.
    """

    def __init__(self, message: Message, queue: str) -> None:
        self._message = message
        self.queue = queue

    @property
    def body(self) -> bytes:
        """The body as bytes; one chunk of it when the message is long."""
        return self._message.body

    @property
    def exchange(self) -> str:
        """Name of the exchange it was published to."""
        address = self._message.address
        return address[1 : 1 + address[0]].decode(errors="replace")

    @property
    def routing_key(self) -> str:
        """Its routing key; that of a reply is the address that the request gave."""
        address = self._message.address
        return address[2 + address[0] :].decode(errors="replace")

    @functools.cached_property
    def properties(self) -> Any:
        """Its properties, as pika has them."""
        return pika.spec.BasicProperties().decode(self._message.header, _PROPERTIES_AT)

    @property
    def headers(self) -> dict[str, Any]:
        """Its header table."""
        return self.properties.headers or {}

    @property
    def kind(self) -> str:
        """``request``, ``reply`` or ``alert``; empty for other messages than those of a mesh."""
        try:
            return msg_t(int(self.headers.get("message_type", -1))).name
        except (ValueError, TypeError):
            return ""

    @property
    def sender(self) -> str:
        """Name of the service that sent it; empty when it does not tell."""
        info = self.headers.get("sender_info")
        return str(info.get("service_name", "")) if isinstance(info, dict) else ""


Later: TypeAlias = Callable[[float, Callable[[], None]], Any]  # runs a function after so many seconds
Put: TypeAlias = Callable[..., None]  # lets a message go on; (redelivered=False)


class Counted:
    """Something wrong that happens to a number of messages or logins.

    Args:
        concerns: tells to which.
        count: to how many of them; None for any number.

    Attributes:
        applied: to how many it has happened.
    """

    def __init__(self, concerns: Callable[[Any], bool], count: int | None) -> None:
        self._concerns = concerns
        self._count = count
        self.applied = 0

    def takes(self, what: Any) -> bool:
        """Whether this is one of them; it counts as one then."""
        if (self._count is not None and self.applied >= self._count) or not self._concerns(what):
            return False
        self.applied += 1
        return True

    def end(self) -> None:
        """Let go of what is kept."""


class LoginRefusal(Counted):
    """Logins of a client are refused, or those of all."""

    def __init__(self, client: str | None, count: int | None) -> None:
        super().__init__(lambda connection: is_named(connection, client), count)


class Rule(Counted):
    """What happens to messages; this one loses them, and their senders get their confirms.

    Attributes:
        later: runs a function after some seconds; known when the rule begins.
    """

    later: Later

    def apply(self, queue: Queue, put: Put) -> None:
        """Let it happen to a message; `put` lets the message go on."""


class Duplicate(Rule):
    """The message comes twice, the second time as one that may have been delivered before."""

    def apply(self, queue: Queue, put: Put) -> None:
        """Put it twice."""
        put()
        put(True)


class Delay(Rule):
    """The message comes later, by some seconds."""

    def __init__(self, concerns: Callable[[Any], bool], count: int | None, by_s: float) -> None:
        super().__init__(concerns, count)
        self._by_s = by_s
        self._kept: list[Put] = []

    def apply(self, queue: Queue, put: Put) -> None:
        """Put it later, or when the fault is over."""
        self._kept.append(put)
        self.later(self._by_s, lambda: self._let_go(put))

    def end(self) -> None:
        """Put what is kept."""
        for put in tuple(self._kept):
            self._let_go(put)

    def _let_go(self, put: Put) -> None:
        if put in self._kept:
            self._kept.remove(put)
            put()


class Reorder(Rule):
    """Messages of a queue are gathered, up to a number or for some seconds, and go on in another order."""

    def __init__(
        self, concerns: Callable[[Any], bool], count: int | None, window: int, wait_s: float, seed: int
    ) -> None:
        super().__init__(concerns, count)
        self._window = window
        self._wait_s = wait_s
        self._random = random.Random(seed)
        self._kept: dict[Queue, list[Put]] = {}

    def apply(self, queue: Queue, put: Put) -> None:
        """Keep it until there are enough, or others do not come."""
        kept = self._kept.setdefault(queue, [])
        kept.append(put)
        if len(kept) >= self._window:
            self._let_go(queue, kept)
        elif len(kept) == 1:
            self.later(self._wait_s, lambda: self._let_go(queue, kept))

    def end(self) -> None:
        """Put what is kept."""
        for queue, kept in list(self._kept.items()):
            self._let_go(queue, kept)

    def _let_go(self, queue: Queue, kept: list[Put]) -> None:
        if self._kept.get(queue) is not kept:
            return  # they went when there were enough
        del self._kept[queue]
        order = list(kept)
        while order == kept and len(kept) > 1:
            self._random.shuffle(order)
        for put in order:
            put()


def route(router: Router, rules: Sequence[Rule], publish: bytes) -> Route:
    """Route as the router does, but have the first rule that concerns a message applied to it."""
    found = router.route(publish)
    # Only the router's own routes are seen here, and these lead to queues.
    targets = tuple(_GuardedQueue(queue, rules) for queue in found.queues if isinstance(queue, Queue))
    return found._replace(queues=targets)


class _GuardedQueue:
    """A queue with rules before it."""

    def __init__(self, queue: Queue, rules: Sequence[Rule]) -> None:
        self._queue = queue
        self._rules = rules

    def put(self, message: Message) -> None:
        """Let the first rule that concerns the message have its way."""
        passing = PassingMessage(message, self._queue.name)
        for rule in self._rules:
            if rule.takes(passing):
                rule.apply(self._queue, functools.partial(self._put, message))
                return
        self._queue.put(message)

    def _put(self, message: Message, redelivered: bool = False) -> None:
        if not self._queue.deleted:
            self._queue.put(message, redelivered)


# -- lines ----------------------------------------------------------------------------------------


class LineFault:
    """Something wrong with the lines of some clients.

    Args:
        client: name of the clients, as `is_named` takes it; None for all.
        begin: lets it begin on a line.
        end: lets it end there.
        also_new: connections that come later have it, too.

    Attributes:
        applied: how many lines have had it.
    """

    def __init__(
        self,
        client: str | None,
        begin: Callable[[Line], None],
        end: Callable[[Line], None],
        also_new: bool,
    ) -> None:
        self.client = client
        self.also_new = also_new
        self.applied = 0
        self._lines: list[Line] = []
        self._begin = begin
        self._end = end

    def begin(self, connection: Connection) -> None:
        """Let it begin on the line of a connection."""
        line = connection.transport
        if not isinstance(line, Line):
            line = Line(connection)
        if line not in self._lines:
            self._lines.append(line)
            self.applied += 1
            self._begin(line)

    def end(self) -> None:
        """Let it end everywhere."""
        lines, self._lines = self._lines, []
        for line in lines:
            self._end(line)


InjectedFault: TypeAlias = LineFault | Counted


class Injector(Hooks[Connection]):
    """Has a broker do what is wrong.

    Args:
        state: what its connections share.
    """

    def __init__(self, state: State[Connection]) -> None:
        self._state = state
        self._faults: list[InjectedFault] = []

    @classmethod
    def of(cls, state: State[Connection]) -> Injector:
        """The injector of a broker, which gets one if it has none yet."""
        if not isinstance(state.hooks, cls):
            state.hooks = cls(state)
        return state.hooks

    def cut(self, client: str | None) -> int:
        """End connections at once, without a word; how many."""
        doomed = self._named(client)
        for connection in doomed:
            transport = connection.transport
            if isinstance(transport, Line):
                transport.cut()
            else:
                transport.abort()
        return len(doomed)

    def begin(self, fault: InjectedFault) -> None:
        """Let a fault begin, one of lines also on those that are there."""
        self._faults.append(fault)
        if isinstance(fault, Rule):
            fault.later = self._state.after
        if isinstance(fault, LineFault):
            for connection in self._named(fault.client):
                fault.begin(connection)
        self.on_new_vhost()

    def end(self, fault: InjectedFault) -> None:
        """Let it end."""
        if fault in self._faults:
            self._faults.remove(fault)
            fault.end()
            self.on_new_vhost()

    # -- what the broker calls

    def on_connected(self, connection: Connection) -> None:
        """A client has connected; nobody knows its name yet."""
        self._begin_on_new(connection, has_name=False)

    def refuses_login(self, connection: Connection) -> bool:
        """Whether a client must not log in, though its password is right."""
        return any(isinstance(fault, LoginRefusal) and fault.takes(connection) for fault in self._faults)

    def on_opened(self, connection: Connection) -> None:
        """A client has logged in."""
        self._begin_on_new(connection, has_name=True)

    def on_new_vhost(self) -> None:
        """Have messages pass by the rules, if there are some."""
        vhost = self._state.vhost
        rules = [fault for fault in self._faults if isinstance(fault, Rule)]
        vhost.route = functools.partial(route, vhost.router, rules) if rules else vhost.router.route

    def on_stop(self) -> None:
        """Let all of it end."""
        for fault in tuple(self._faults):
            self.end(fault)

    def _begin_on_new(self, connection: Connection, has_name: bool) -> None:
        for fault in self._faults:
            if not isinstance(fault, LineFault) or not fault.also_new or has_name is (fault.client is None):
                continue
            if is_named(connection, fault.client):
                fault.begin(connection)

    def _named(self, client: str | None) -> list[Connection]:
        return [connection for connection in self._state.connections if is_named(connection, client)]


def is_named(connection: Connection, client: str | None) -> bool:
    """Whether a connection is that of a client.

    Args:
        connection: the connection.
        client: a service's name, or what a client calls its connection, with `*` for anything; None for all.
    """
    if client is None:
        return True
    name = connection.client_name
    return any(fnmatch.fnmatchcase(each, client) for each in (name, name.removesuffix(_OURS)))
