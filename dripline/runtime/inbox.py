"""Replies on their way back: each is handed to the one who waits for its correlation id."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable

from dripline.runtime.liveness import LivenessCheck, Outcome
from dripline.transport import Delivery, Returned, Slot
from dripline.wire.chunks import DEFAULT_LIMITS, Joiner, Part, read_part
from dripline.wire.codec import read_message
from dripline.wire.errors import BrokerError, DecodingError, NoRoute, ReplyTimeout
from dripline.wire.message import MsgReply, MsgRequest

#: Replies to pings are sent to the address of a member with this word added.
PING_SUFFIX = ".ping"

_FIRST_CHECK_S = 1.0  # most replies have come by then, without any bookkeeping
_FOREVER_S = threading.TIMEOUT_MAX

# One reply is waited for: a few sets, since a request may be answered by more than one.
_LIMITS = DEFAULT_LIMITS._replace(pending_sets=10, pending_bytes=DEFAULT_LIMITS.message_bytes)


class PendingReply:
    """A request that was sent and not answered yet. Whoever lets go of it stops waiting.

    Args:
        request: The request.
        forget: Called when nobody waits any longer.
        overdue: Called when a wait ended without a reply.
        liveness: Ends waits without a time limit when no reply can come any more.
        on_outcome: Called when a reply or an error has arrived, also on the I/O thread.
    """

    def __init__(
        self,
        request: MsgRequest,
        forget: Callable[[PendingReply], object],
        overdue: Callable[[], object] = lambda: None,
        liveness: LivenessCheck | None = None,
        on_outcome: Outcome | None = None,
    ) -> None:
        self.request = request
        self.on_outcome = on_outcome
        self._forget = forget
        self._overdue = overdue
        self._liveness = liveness
        self._slot: Slot[tuple[Part, bytes]] = Slot()
        self._joiner: Joiner | None = None

    def __del__(self) -> None:
        """Stop expecting the reply."""
        self._forget(self)

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
            DecodingError: What came is no reply.
        """
        key = self.request.routing_key
        try:
            if timeout_s is None and not self.await_arrival(_FIRST_CHECK_S) and self._liveness is not None:
                self._liveness.wait(self)
            part, body = self._slot.wait(_FOREVER_S if timeout_s is None else timeout_s)
        except ReplyTimeout:
            raise
        except TimeoutError:
            self._overdue()
            limit_s = limit_s or timeout_s or 0.0
            raise ReplyTimeout(f"no reply from {key!r} within {_rounded(limit_s):g} s") from None
        finally:
            if self.arrived:
                self._forget(self)
        reply = read_message(part, body)
        if not isinstance(reply, MsgReply):
            raise DecodingError(f"{key!r} answered with something that is no reply")
        return reply

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


class ReplyInbox:
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
        self._overdue = overdue
        self._liveness = liveness
        self._pending: dict[str, weakref.ref[PendingReply]] = {}

    def __len__(self) -> int:
        """Return how many requests are under way."""
        return len(self._pending)

    def expect(self, request: MsgRequest, on_outcome: Outcome | None = None) -> PendingReply:
        """Prepare for the reply to a request; before the request is sent.

        Args:
            request: The request.
            on_outcome: Called when a reply or an error has arrived, also on the I/O thread.
        """
        pending = PendingReply(request, self.forget, self._overdue, self._liveness, on_outcome)
        self._pending[request.correlation_id] = weakref.ref(pending)
        return pending

    def forget(self, pending: PendingReply) -> None:
        """Stop expecting; a reply that comes later is dropped."""
        correlation_id = pending.request.correlation_id
        found = self._pending.get(correlation_id)
        if found is not None and found() in (pending, None):  # not when the same request was sent once more
            self._pending.pop(correlation_id, None)

    def deliver(self, delivery: Delivery) -> None:
        """Take what came into the reply queue; called on the I/O thread."""
        properties = delivery.properties
        pending = self._whose(delivery)
        if pending is None:
            if self.on_other is not None:
                self.on_other(delivery)
            return
        try:
            pending.take(read_part(properties, delivery.body, delivery.routing_key))
        except DecodingError as error:
            pending.fail(error)

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

    def _whose(self, delivery: Delivery) -> PendingReply | None:
        correlation_id = delivery.properties.correlation_id
        if correlation_id:
            return self._waiting_for(correlation_id)
        # Some services answer without a correlation id: that is unambiguous only for a single request.
        found = [pending for pending in map(self._waiting_for, list(self._pending)) if pending is not None]
        waiting = [pending for pending in found if pending.on_outcome is None]
        is_to_ping = delivery.routing_key.endswith(PING_SUFFIX)
        return waiting[0] if len(waiting) == 1 and not is_to_ping else None


def _rounded(seconds: float) -> float:
    """What is left of a time limit, for people."""
    return round(seconds, 1) if seconds >= 1 else float(f"{seconds:.2g}")
