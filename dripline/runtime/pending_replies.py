"""Requests that wait for a reply, by correlation id."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Container
from typing import NamedTuple

from dripline.amqp.content import Delivery, Returned
from dripline.errors import BrokerError, DecodingError, NoRoute, ReplyTimeout
from dripline.runtime.liveness import LivenessCheck, Outcome, Pending
from dripline.transport.future import OneShotFuture
from dripline.wire.body import DEFAULT_LIMITS, Joiner, Part, read_part
from dripline.wire.codec import malformed_reply, read_reply
from dripline.wire.enums import msg_t
from dripline.wire.message import Message, MsgReply, MsgRequest
from dripline.wire.safe_text import duration
from dripline.wire.sender import sender_of

#: Replies to pings are sent to the address of a member with this word added.
PING_SUFFIX = ".ping"

_FIRST_CHECK_S = 0.5  # most replies have come by then, without any bookkeeping
_FOREVER_S = threading.TIMEOUT_MAX

# One reply is waited for: a few sets, since a request may be answered by more than one.
_LIMITS = DEFAULT_LIMITS._replace(pending_sets=10, pending_bytes=DEFAULT_LIMITS.message_bytes)


class PendingReply:
    """A request that was sent and not answered yet. Whoever lets go of it stops waiting.

    Args:
        request: The request.
        owner: The requests of its member.
        on_outcome: Called when a reply or an error has arrived, also on the I/O thread.

    Attributes:
        stray: The sender of a reply that came meanwhile and is nobody's; None if there was none.
    """

    def __init__(self, request: MsgRequest, owner: PendingReplies, on_outcome: Outcome | None = None) -> None:
        self.request = request
        self.on_outcome = on_outcome
        self._owner = owner
        self._slot: OneShotFuture[tuple[Part, bytes]] = OneShotFuture()
        self._joiner: Joiner | None = None
        self.stray: str | None = None

    def __del__(self) -> None:
        """Stop expecting the reply."""
        self._owner.forget(self)

    @property
    def arrived(self) -> bool:
        """Whether `wait` would return at once."""
        return self._slot.filled

    def wait(self, timeout_s: float | None = None, limit_s: float | None = None) -> MsgReply:
        """Wait for the reply.

        Args:
            timeout_s: Longest wait, in seconds; None waits for as long as a reply can come.
            limit_s: The limit that an error names, if a part of it has passed already.

        Raises:
            ReplyTimeout: No reply came in time; one may still be waited for. Without a time limit: the service has
                ceased to answer pings, or has lost the request.
            NoRoute: No queue is bound to the request's routing key.
            ConnectionLost: The connection went away meanwhile.
            MalformedReply: What came is not a valid reply.
        """
        key = self.request.routing_key
        try:
            liveness = self._owner.liveness
            if timeout_s is None and not self.await_arrival(_FIRST_CHECK_S) and liveness is not None:
                liveness.wait(self)
            part, body = self._slot.wait(_FOREVER_S if timeout_s is None else timeout_s)
        except ReplyTimeout:
            raise
        except TimeoutError:
            self._owner.overdue()
            limit = duration(limit_s or timeout_s or 0.0)
            raise ReplyTimeout(f"no reply from {key!r} within {limit}{self._hint()}") from None
        finally:
            if self.arrived:
                self._owner.forget(self)
        return read_reply(part, body, key)

    def _hint(self) -> str:
        """What came instead of the reply, for the error."""
        if self._joiner is not None and self._joiner.next_expiry() is not None:
            return "; only some of its chunks came"
        return f"; a reply with an unknown correlation_id came{self.stray}" if self.stray is not None else ""

    def await_arrival(self, timeout_s: float) -> bool:
        """Wait for a reply or an error without taking it; returns whether one has arrived."""
        return self._slot.await_filled(timeout_s)

    def take(self, part: Part) -> None:
        """Take a reply or a chunk of it; called on the I/O thread."""
        body: bytes | None = part.body
        if part.total > 1:
            self._joiner = self._joiner or Joiner(limits=_LIMITS)
            body = self._joiner.add(part, time.monotonic())
        if body is not None:
            self._slot.set((part, body))
            if self.on_outcome is not None:
                self.on_outcome(self)

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""
        self._slot.fail(error)
        if self.on_outcome is not None:
            self.on_outcome(self)


class PendingReplies:
    """All requests of one member that somebody waits for.

    It does not keep them: a request that was sent and whose `PendingReply` nobody has any longer is forgotten.

    Args:
        overdue: Called whenever a wait ended without a reply.
        liveness: Ends waits without a time limit when no reply can come any more.

    Attributes:
        on_other: Called with each delivery that belongs to no request, if it is set; on the I/O thread.
    """

    def __init__(
        self, overdue: Callable[[], object] = lambda: None, liveness: LivenessCheck | None = None
    ) -> None:
        self.on_other: Callable[[Delivery], object] | None = None
        self.overdue = overdue
        self.liveness = liveness
        self._pending: dict[str, weakref.ref[PendingReply]] = {}
        self._observed: Container[str | None] = ()
        self._on_observed: Callable[[Delivery], object] = lambda _: None

    def __len__(self) -> int:
        """Return how many requests are under way."""
        return len(self._pending)

    def expect(self, request: MsgRequest, on_outcome: Outcome | None = None) -> PendingReply:
        """Prepare for the reply to a request; before the request is sent.

        Args:
            request: The request.
            on_outcome: Called when a reply or an error has arrived, also on the I/O thread.
        """
        pending = PendingReply(request, self, on_outcome)
        self._pending[request.correlation_id] = weakref.ref(pending)
        return pending

    def observe(self, correlation_ids: Container[str | None], on_reply: Callable[[Delivery], object]) -> None:
        """Hand over all replies to certain requests instead of ending the wait for them.

        Args:
            correlation_ids: Of the requests; may change.
            on_reply: Called with each delivery, on the I/O thread.
        """
        self._observed, self._on_observed = correlation_ids, on_reply

    def forget(self, pending: PendingReply) -> None:
        """Stop expecting; a reply that comes later is dropped."""
        correlation_id = pending.request.correlation_id
        found = self._pending.get(correlation_id)
        if found is not None and found() in (pending, None):  # not when the same request was sent once more
            self._pending.pop(correlation_id, None)

    def deliver(self, delivery: Delivery) -> None:
        """Take what came into the reply queue; called on the I/O thread."""
        properties = delivery.properties
        if properties.correlation_id in self._observed:
            self._on_observed(delivery)
            return
        pending = self._whose(delivery)
        if pending is None:
            self._note_stray(delivery)
            if self.on_other is not None:
                self.on_other(delivery)
            return
        try:
            pending.take(read_part(properties, delivery.body, delivery.routing_key))
        except DecodingError as error:
            pending.fail(malformed_reply(pending.request.routing_key, properties, str(error)))

    def _note_stray(self, delivery: Delivery) -> None:
        """Tell the only one who waits; it may be a late reply to a request that was given up."""
        headers = delivery.properties.headers or {}
        if delivery.routing_key.endswith(PING_SUFFIX) or headers.get("message_type") == msg_t.request.value:
            return
        waiting = self._waiting()
        if len(waiting) == 1:
            (pending,) = waiting
            sender = sender_of(delivery.properties)
            pending.stray = f" ({sender})" if sender else ""

    def returned(self, returned: Returned) -> bool:
        """Take a message that the broker could not route; tells whether it was one of the requests here."""
        pending = self._waiting_for(returned.properties.correlation_id)
        if pending is None:
            return False
        pending.fail(NoRoute(f"nobody on the mesh is bound for {returned.routing_key!r}"))
        return True

    def fail_one(self, correlation_id: str, error: Exception) -> None:
        """End one wait, if there is such a one."""
        pending = self._waiting_for(correlation_id)
        if pending is not None:
            pending.fail(error)

    def fail(self, error: BrokerError) -> None:
        """End every wait: the connection is gone."""
        for correlation_id in list(self._pending):
            found = self._pending.pop(correlation_id, None)
            pending = None if found is None else found()
            if pending is not None:
                pending.fail(type(error)(*error.args))

    def _waiting_for(self, correlation_id: str | None) -> PendingReply | None:
        found = self._pending.get(correlation_id or "")
        return None if found is None else found()

    def _waiting(self) -> list[PendingReply]:
        """Requests that callers wait for; pings of waits without a time limit are not among them."""
        found = map(self._waiting_for, list(self._pending))
        return [pending for pending in found if pending is not None and pending.on_outcome is None]

    def _whose(self, delivery: Delivery) -> PendingReply | None:
        correlation_id = delivery.properties.correlation_id
        is_to_ping = delivery.routing_key.endswith(PING_SUFFIX)
        if correlation_id:
            pending = self._waiting_for(correlation_id)
            is_ping = pending is not None and pending.on_outcome is not None
            return None if is_ping and not is_to_ping else pending  # a ping to a service that is its own client
        # Some services answer without a correlation id: that is unambiguous only for a single request.
        waiting = self._waiting()
        return waiting[0] if len(waiting) == 1 and not is_to_ping else None


class SentMessagePackage(NamedTuple):
    """What became of a message that was sent.

    Attributes:
        successful_send: whether it was given to the broker; for an alert, whether it was queued for that.
        send_error_message: why not, else empty.
        pending: where the reply to a request will arrive.
    """

    successful_send: bool
    send_error_message: str = ""
    pending: Pending | None = None


class Answered:
    """A reply that is there already.

    Args:
        request: the request.
        reply: its reply.
    """

    def __init__(self, request: MsgRequest, reply: MsgReply) -> None:
        self.request = request
        self._reply = reply

    def wait(self, timeout_s: float | None = None, limit_s: float | None = None) -> MsgReply:
        """Give the reply."""
        return self._reply

    def await_arrival(self, timeout_s: float) -> bool:
        """Return at once: it has arrived."""
        return True

    def fail(self, error: Exception) -> None:
        """Do nothing: nobody waits."""


def thrown(message: Message) -> RuntimeError:
    """Make the error of a sender without connection, which shows what would have been sent."""
    return RuntimeError(f"Thrown {message.message_type.name}:\n{message}")
