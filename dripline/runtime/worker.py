"""The thread on which handlers run: deliveries of one queue, one at a time, in order."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from dripline.runtime.boundary import Boundary
from dripline.runtime.complaints import Complaints
from dripline.transport import Connection, Delivery
from dripline.transport.properties import RawProperties
from dripline.wire.chunks import Joiner, Part, read_part
from dripline.wire.codec import incomplete_message, read_message
from dripline.wire.message import Message

logger = logging.getLogger(__name__)

_here = threading.local()
_NO_PROPERTIES = RawProperties(b"\0\0")
#: Most bytes of messages that wait for one worker; the broker's prefetch bounds their number.
WAITING_BYTES = 128 * 1024 * 1024

_counting = threading.Lock()  # of the holders of all deliveries; never held while waiting


class InHand:
    """The delivery that a thread is handling, until it is acknowledged.

    Attributes:
        connection: Where it came from and must be acknowledged; None when it needs no acknowledgement.
        delivery: The delivery.
        came_s: When it came, in seconds of the monotonic clock.
    """

    __slots__ = ("_chunks", "_holders", "came_s", "connection", "delivery")

    def __init__(self, connection: Connection | None, delivery: Delivery, came_s: float) -> None:
        self.connection = connection
        self.delivery = delivery
        self.came_s = came_s
        self._holders = 1  # the worker, until the handler returns
        self._chunks: Sequence[InHand] = ()

    def hold(self) -> InHand:
        """Put the acknowledgement off until `let_go` was called for this as well; returns itself."""
        with _counting:
            self._holders += 1
        return self

    def bring(self, chunks: Sequence[InHand]) -> None:
        """Have earlier chunks of the same message acknowledged with this one, its last."""
        self._chunks = chunks

    def let_go(self) -> list[tuple[Connection, Delivery]]:
        """Count one holder less; returns what to acknowledge where when it was the last one."""
        with _counting:
            self._holders -= 1
            if self._holders > 0:
                return []
            due = [
                (item.connection, item.delivery) for item in (*self._chunks, self) if item.connection is not None
            ]
            self.connection, self._chunks = None, ()
        return due

    def take(self) -> Delivery | None:
        """Take over the duty to acknowledge; None when somebody has done so already."""
        if self.connection is None:
            return None
        self.connection = None
        return self.delivery

    def ack(self) -> None:
        """Acknowledge, unless that is done, or somebody holds it still."""
        let_go((self,))


def let_go(held: Iterable[InHand]) -> None:
    """Let go of deliveries that were held; those that nobody holds any longer are acknowledged in one write."""
    due: dict[Connection, list[Delivery]] = {}
    for item in held:
        for connection, delivery in item.let_go():
            due.setdefault(connection, []).append(delivery)
    for connection, deliveries in due.items():
        connection.ack(*deliveries)


def in_hand() -> InHand | None:
    """Return what this thread is handling just now; None on a thread that handles nothing."""
    return getattr(_here, "in_hand", None)


class Worker:
    """A thread with a queue of deliveries.

    Args:
        name: The thread's name.
        on_message: Called with each whole message.
        wait_s: How long an incomplete message is waited for after its last chunk.
        chunks_held: How many chunks of incomplete messages are not acknowledged before these are handled, so that
            a queue that outlives this process brings them again. Beyond that they are acknowledged as they come:
            more of them than the prefetch would wait for each other.
    """

    def __init__(
        self, name: str, on_message: Callable[[Message], None], wait_s: float = 1.0, chunks_held: int = 0
    ) -> None:
        self._on_message = on_message
        self._chunks_held = chunks_held
        self._held: dict[tuple[str, int], list[InHand]] = {}  # by message, the oldest first
        self._queue: queue.SimpleQueue[InHand | None] = queue.SimpleQueue()
        self._joiner = Joiner(wait_s)
        self._complaints = Complaints(logger)
        # Each is counted on one thread only.
        self._bytes_in = self._bytes_out = self._came = self._handled = 0
        self._told = self._hurry = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether all that came is handled, so that what comes now is taken at once; for the I/O thread."""
        return self._came == self._handled

    def put(self, delivery: Delivery) -> None:
        """Hand over a delivery that needs no acknowledgement; for the I/O thread."""
        self._take_in(None, delivery)

    def feeder(self, connection: Connection) -> Callable[[Delivery], None]:
        """Return what hands over deliveries that are acknowledged on ``connection`` when they are handled."""
        take_in = self._take_in
        return lambda delivery: take_in(connection, delivery)

    def stop(self, grace_s: float = 1.0) -> bool:
        """End the thread after what is queued.

        Args:
            grace_s: How long that may take, in seconds; what is queued still is left undone then. A first call
                with 0 only tells the thread, so that several workers can be told before they are waited for.

        Returns:
            False when the thread is busy still.
        """
        told, self._told = self._told, True
        if not told:
            self._queue.put(None)
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(grace_s)
        self._hurry = told or grace_s > 0
        return not self._thread.is_alive()

    def _take_in(self, connection: Connection | None, delivery: Delivery) -> None:
        size = len(delivery.body)
        if self._bytes_in - self._bytes_out + size > WAITING_BYTES:
            # It is answered as one that cannot be read. An empty queue takes any message the transport does.
            delivery, size = delivery._replace(body=b""), 0
        self._bytes_in += size
        self._came += 1
        self._queue.put(InHand(connection, delivery, time.monotonic()))

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._complaints.settle()

    def _work(self) -> None:
        while not self._hurry:
            try:
                item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._give_up_incomplete(time.monotonic())
                continue
            if item is None:
                return
            size = len(item.delivery.body)
            self._handle(item)
            self._bytes_out += size
            self._handled += 1
            if self._joiner.next_expiry() is not None:
                # By the time at which this one came: what came behind it may be the rest of one that waits.
                self._give_up_incomplete(item.came_s)

    def _patience(self) -> float | None:
        expiry = self._joiner.next_expiry()
        return None if expiry is None else max(0.0, expiry - time.monotonic())

    def _handle(self, item: InHand) -> None:
        _here.in_hand = item
        delivery = item.delivery
        try:
            part = read_part(delivery.properties, delivery.body, delivery.routing_key)
            body = self._joiner.add(part, item.came_s)
            if body is None:
                self._hold((part.uuid, part.total), item)
                return
            if self._held:
                item.bring(self._held.pop((part.uuid, part.total), ()))
            self._deliver(read_message(part, body))
        except ValueError as error:  # DecodingError is one
            self._complaints.tell(
                "dropped what is no message", "dropped what is no message, for %r: %s", delivery.routing_key, error
            )
        finally:
            item.ack()
            _here.in_hand = None

    def _hold(self, key: tuple[str, int], item: InHand) -> None:
        """Put the acknowledgement of a chunk off until its message is handled, if that is wanted."""
        if not self._chunks_held or key not in self._joiner:
            return
        # The joiner has it, and bounds it; to acknowledge takes only its number.
        item.delivery = item.delivery._replace(properties=_NO_PROPERTIES, body=b"")
        self._held.setdefault(key, []).append(item.hold())
        while sum(map(len, self._held.values())) > self._chunks_held:
            let_go(self._held.pop(next(iter(self._held))))

    def _give_up_incomplete(self, now: float) -> None:
        for part in self._joiner.expired(now):
            self._deliver_incomplete(part)
        for key in [key for key in self._held if key not in self._joiner]:
            let_go(self._held.pop(key))

    def _deliver_incomplete(self, part: Part) -> None:
        try:
            message = incomplete_message(part)
        except ValueError as error:
            self._complaints.tell(
                "dropped an incomplete message",
                "dropped an incomplete message for %r: %s", part.routing_key, error,
            )  # fmt: skip
            return
        self._deliver(message)

    def _deliver(self, message: Message) -> None:
        with Boundary(self._complaints, "a message for %r could not be handled", message.routing_key):
            self._on_message(message)
