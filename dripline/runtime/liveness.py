"""Waits for replies without a timeout; pings detect that a reply is no longer possible.

A thread that waits sends a ping every few seconds, one for all requests that wait for the same service. The ping
is mandatory: the broker returns it if no queue is bound any more. A service of ours answers it while its handler
is busy, and says which of the requests it still has. A service of another make may answer it late or never: only a
missing queue ends the wait for that.

Most pings go past the queue of the service, and overtake requests that wait in it. If such a ping finds a request
missing, another one follows the request through the queue, and decides.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from dripline.errors import DriplineError, NoRoute, ReplyTimeout
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgReply, MsgRequest

logger = logging.getLogger("dripline.service")

#: Seconds between two pings.
INTERVAL_S = 5.0
#: After so many pings without any answer a service of ours is given up.
SILENT_PINGS = 6
#: So many pings behind a request find it missing before it is given up: its reply may be on its way.
_MISSED = 2
#: So many pings to a service of ours must come back: its connection may have been lost for a moment.
_UNROUTED = 2
#: Seconds between two messages in the log about services of another make.
TELL_EVERY_S = 60.0
#: Replies to earlier pings that are still awaited.
_PINGS_KEPT = 8

_MARK = "self_check"
_AWAITED = "awaited"
_LONGEST = 255  # bytes of a routing key

#: Payload of a ping that a member sends to itself, to find out whether its bindings work.
PROBE = {_MARK: True}


class LifeSigns(NamedTuple):
    """What a service of ours replies to a ping of a client that waits for its replies.

    Attributes:
        address: Routing key of a queue that only this connection of the service has; messages to it do not wait
            behind the requests in the queue of the service.
        held: Those of the awaited requests that the service has received and not answered yet.
        is_full: Whether so many requests wait in the service that more may wait in its queue at the broker.
    """

    address: str
    held: list[str]
    is_full: bool

    def payload(self) -> dict[str, Any]:
        """The payload of the reply."""
        return {_MARK: True, **self._asdict()}


def is_automatic(message: Message) -> bool:
    """Whether a member sent this by itself: a ping, or the reply to one."""
    payload = message.plain_payload
    return isinstance(payload, dict) and payload.get(_MARK) is True


def liveness_ping(routing_key: str, awaited: Iterable[str]) -> MsgRequest:
    """Make a ping of a client that waits.

    Args:
        routing_key: Where it goes: the key of the awaited requests, or the address of the service.
        awaited: Correlation ids of the requests.
    """
    return MsgRequest.create({_MARK: True, _AWAITED: list(awaited)}, op_t.cmd, routing_key, "ping")


def awaited_by(ping: MsgRequest) -> list[str] | None:
    """Read which requests the sender of a ping waits for; None for all other pings."""
    payload = ping.plain_payload
    awaited = payload.get(_AWAITED) if isinstance(payload, dict) else None
    return [key for key in awaited if isinstance(key, str)] if isinstance(awaited, list) else None


def read_life_signs(reply: Message) -> LifeSigns | None:
    """Read the reply to a liveness ping; None if it is not one of ours."""
    payload = reply.plain_payload
    if not isinstance(payload, dict) or not is_automatic(reply):
        return None
    address, held, is_full = (payload.get(name) for name in LifeSigns._fields)
    if not isinstance(address, str) or not 0 < len(address.encode()) <= _LONGEST or not isinstance(held, list):
        return None
    return LifeSigns(address, [key for key in held if isinstance(key, str)], bool(is_full))


class Pending(Protocol):
    """A request whose reply is awaited."""

    request: MsgRequest

    def await_arrival(self, timeout_s: float) -> bool:
        """Wait for a reply or an error without taking it; returns whether one has arrived."""

    def wait(self, timeout_s: float | None = None, limit_s: float | None = None) -> MsgReply:
        """Wait for the reply; without a time limit as long as one can come. Errors name ``limit_s``."""

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""


Outcome = Callable[[Pending], None]


@dataclass
class _Wait:
    pending: Pending
    is_doubted: bool = False  # whether the service did not have it when it was last asked
    missed: int = 0  # how often in a row a ping that followed it through the queue found it missing


@dataclass
class _Target:
    """A routing key to which requests were sent whose replies are awaited."""

    key: str
    due_s: float  # when the next ping is due
    start_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)  # when the log told last what is awaited
    waits: dict[str, _Wait] = field(default_factory=dict)  # the requests, by correlation id
    address: str = ""  # where the service can be reached past its queue; empty if that is not known
    is_ours: bool = False  # whether a service of ours has answered
    unanswered: int = 0  # pings since the last answer, without those about doubted requests
    unrouted: int = 0  # pings through the queue that have come back since the last answer to one
    pings: deque[Pending] = field(default_factory=lambda: deque(maxlen=_PINGS_KEPT))  # forgotten otherwise


class LivenessCheck:
    """Ends waits for replies that cannot come any more.

    Args:
        send: Sends a ping, and calls back with its reply or error, also on the I/O thread.
    """

    def __init__(self, send: Callable[[MsgRequest, Outcome], Pending]) -> None:
        self._send = send
        self.start_over()

    def start_over(self) -> None:
        """Forget everything, in a forked process."""
        self._lock = threading.Lock()  # guards what follows; never held while sending
        self._targets: dict[str, _Target] = {}

    def wait(self, pending: Pending) -> None:
        """Wait until a reply or an error has arrived, and see to it that one of them does."""
        with self._watching(pending) as target:
            while True:
                if time.monotonic() >= target.due_s:
                    self._check(target)
                if pending.await_arrival(INTERVAL_S / 5):
                    return

    @contextlib.contextmanager
    def _watching(self, pending: Pending) -> Iterator[_Target]:
        key, correlation_id = pending.request.routing_key, pending.request.correlation_id
        with self._lock:
            target = self._targets.get(key)
            if target is None:
                # The first ping is due at once: if the service is frozen soon, it must be known to be ours.
                target = self._targets[key] = _Target(key, time.monotonic())
            target.waits[correlation_id] = _Wait(pending)
        try:
            yield target
        finally:
            with self._lock:
                target.waits.pop(correlation_id, None)
                if not target.waits and self._targets.get(key) is target:
                    del self._targets[key]
                    target.pings.clear()  # nobody needs their replies

    def _check(self, target: _Target) -> None:
        """Send what is due, on the thread that noticed it first."""
        with self._lock:
            now = time.monotonic()
            if now < target.due_s:
                return
            if target.is_ours and target.unanswered >= SILENT_PINGS:
                _end(target, target.waits, _silent)
                return
            # A service that has another connection now has another address, too.
            address = target.address if target.unanswered < SILENT_PINGS // 2 else ""
            targets = [each for each in self._targets.values() if address and each.address == address] or [target]
            for each in targets:
                each.due_s = now + INTERVAL_S
                each.unanswered += 1
            awaited = frozenset(correlation_id for each in targets for correlation_id in each.waits)
            doubted = [(each, _doubted(each)) for each in targets if address]
        _tell(target, now)
        if not self._ping(target, targets, address, awaited):
            with self._lock:
                for each in targets:
                    each.unanswered -= 1
        for each, requests in doubted:
            if requests:
                self._ping(each, [each], "", requests)

    def _ping(self, target: _Target, targets: list[_Target], address: str, awaited: frozenset[str]) -> bool:
        """Send a ping past the queue, or through it if there is no address; returns whether that was possible."""
        ping = liveness_ping(address or target.key, awaited)
        try:
            sent = self._send(ping, lambda answered: self._answered(answered, targets, address, awaited))
        except (DriplineError, TimeoutError) as error:  # it says nothing about the service
            logger.debug("could not send a ping to %r: %s", ping.routing_key, error)
            return False
        target.pings.append(sent)
        return True

    def _answered(self, ping: Pending, targets: list[_Target], address: str, awaited: frozenset[str]) -> None:
        """Draw conclusions from the reply to a ping, or from its return."""
        try:
            signs = read_life_signs(ping.wait(0))
        except NoRoute:
            with self._lock:
                for each in targets:
                    if not address:
                        _unrouted(each, awaited)
                    elif each.address == address:  # the service has another connection now, or none
                        each.address, each.due_s = "", 0.0
            return
        except DriplineError as error:
            logger.debug("a ping has failed: %s", error)
            return
        with self._lock:
            for each in targets:
                each.unanswered = 0
                if not address:
                    each.unrouted = 0
                each.is_ours = signs is not None
                each.address = signs.address if signs is not None else ""
                if signs is not None:
                    missing = frozenset() if signs.is_full else awaited.difference(signs.held)
                    _judge(each, awaited, missing, through_queue=not address)


def _doubted(target: _Target) -> frozenset[str]:
    return frozenset(correlation_id for correlation_id, wait in target.waits.items() if wait.is_doubted)


def _judge(target: _Target, awaited: frozenset[str], missing: frozenset[str], *, through_queue: bool) -> None:
    """Note which of the awaited requests are missing, and end the waits for those that are lost."""
    for correlation_id, wait in target.waits.items():
        if correlation_id not in awaited:
            continue
        wait.is_doubted = correlation_id in missing
        if not wait.is_doubted:
            wait.missed = 0
        elif through_queue:
            wait.missed += 1
            if wait.missed >= _MISSED:
                wait.pending.fail(_lost(target.key))


def _unrouted(target: _Target, awaited: Container[str]) -> None:
    """End the waits if no queue is bound; a service of ours is given a moment to come back with its requests."""
    target.unrouted += 1
    if target.is_ours and target.unrouted < _UNROUTED:
        target.due_s = time.monotonic() + INTERVAL_S * 2 / 5
    else:
        _end(target, awaited, _unbound)


def _end(target: _Target, awaited: Container[str], reason: Callable[[str], DriplineError]) -> None:
    for correlation_id, wait in target.waits.items():
        if correlation_id in awaited:
            wait.pending.fail(reason(target.key))  # each its own: tracebacks are added to it


def _unbound(key: str) -> NoRoute:
    return NoRoute(f"no queue is bound to routing key {key!r} any more")


def _silent(key: str) -> ReplyTimeout:
    seconds = SILENT_PINGS * INTERVAL_S
    return ReplyTimeout(f"no reply from {key!r}: its service has not answered a ping for {seconds:g} s")


def _lost(key: str) -> ReplyTimeout:
    return ReplyTimeout(
        f"no reply from {key!r}: its service no longer has the request; it was restarted, or the reply was lost"
    )


def _tell(target: _Target, now: float) -> None:
    if target.is_ours or now - target.told_s < TELL_EVERY_S:
        return
    target.told_s = now
    count = len(target.waits)
    logger.warning(
        "still waiting for %s from %r after %.0f s; its service %s",
        "a reply" if count == 1 else f"{count} replies",
        target.key,
        now - target.start_s,
        "does not answer pings; it may be busy" if target.unanswered > 1 else "is running",
    )
