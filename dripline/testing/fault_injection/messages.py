"""Faults of single messages: lost, doubled, late or in the wrong order, between an exchange and a queue."""

from __future__ import annotations

import functools
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import pika.spec

from dripline.broker.exchange import Route, Router
from dripline.broker.message import Message
from dripline.broker.queue import Queue
from dripline.wire.enums import msg_t

_PROPERTIES_AT: Final = 12  # in a content header


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
        flags_at = _PROPERTIES_AT
        return pika.spec.BasicProperties().decode(self._message.header, flags_at)

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
Put: TypeAlias = Callable[..., None]  # (message, redelivered=False)


class Rule(ABC):
    """What happens to messages that it concerns.

    Args:
        concerns: tells which.
        count: to how many of them; None for any number.

    Attributes:
        applied: to how many it has happened.
    """

    def __init__(self, concerns: Callable[[PassingMessage], bool], count: int | None) -> None:
        self._concerns = concerns
        self._count = count
        self.applied = 0

    def takes(self, message: Message, queue: Queue) -> bool:
        """Whether this message is one of them; it counts as one then."""
        if self._count is not None and self.applied >= self._count:
            return False
        if not self._concerns(PassingMessage(message, queue.name)):
            return False
        self.applied += 1
        return True

    @abstractmethod
    def apply(self, message: Message, queue: Queue, put: Put) -> None:
        """Let it happen to a message; `put` lets the message go on."""

    def end(self) -> None:  # noqa: B027  most rules keep nothing
        """Let go of what is kept."""


class Drop(Rule):
    """The message is gone; its sender sees nothing of it, and gets its confirm."""

    def apply(self, message: Message, queue: Queue, put: Put) -> None:
        """Do nothing."""


class Duplicate(Rule):
    """The message comes twice, the second time as one that may have been delivered before."""

    def apply(self, message: Message, queue: Queue, put: Put) -> None:
        """Put it twice."""
        put(message)
        put(message, True)


class Delay(Rule):
    """The message comes later.

    Args:
        by_s: how much later, in seconds.
        later: runs a function after some seconds.
    """

    def __init__(
        self, concerns: Callable[[PassingMessage], bool], count: int | None, by_s: float, later: Later
    ) -> None:
        super().__init__(concerns, count)
        self._by_s = by_s
        self._later = later
        self._kept: dict[int, Callable[[], None]] = {}

    def apply(self, message: Message, queue: Queue, put: Put) -> None:
        """Put it later, or when the fault is over."""
        number = self.applied
        self._kept[number] = functools.partial(put, message)
        self._later(self._by_s, lambda: self._kept.pop(number, _nothing)())

    def end(self) -> None:
        """Put what is kept."""
        for number in list(self._kept):
            self._kept.pop(number)()


class Reorder(Rule):
    """Messages of a queue are gathered, and go on in another order.

    Args:
        window: how many are gathered.
        wait_s: how long one waits for others, in seconds.
        later: runs a function after some seconds.
        seed: for the order.
    """

    def __init__(
        self,
        concerns: Callable[[PassingMessage], bool],
        count: int | None,
        window: int,
        wait_s: float,
        later: Later,
        seed: int = 0,
    ) -> None:
        super().__init__(concerns, count)
        self._window = window
        self._wait_s = wait_s
        self._later = later
        self._random = random.Random(seed)
        self._kept: dict[Queue, list[Callable[[], None]]] = {}

    def apply(self, message: Message, queue: Queue, put: Put) -> None:
        """Keep it until there are enough, or others do not come."""
        kept = self._kept.setdefault(queue, [])
        kept.append(functools.partial(put, message))
        if len(kept) >= self._window:
            self._let_go(queue, kept)
        elif len(kept) == 1:
            self._later(self._wait_s, lambda: self._let_go(queue, kept))

    def end(self) -> None:
        """Put what is kept."""
        for queue, kept in list(self._kept.items()):
            self._let_go(queue, kept)

    def _let_go(self, queue: Queue, kept: list[Callable[[], None]]) -> None:
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
        for rule in self._rules:
            if rule.takes(message, self._queue):
                rule.apply(message, self._queue, self._put)
                return
        self._queue.put(message)

    def _put(self, message: Message, redelivered: bool = False) -> None:
        if not self._queue.deleted:
            self._queue.put(message, redelivered)


def _nothing() -> None:
    """What was kept has gone already."""
