"""Worker of a durable alert queue: acknowledges alerts after they are handled, with bounded memory."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dripline.amqp.content import CutBody, Delivery
from dripline.amqp.properties import RawProperties
from dripline.runtime.chunk_sets import ChunkSet, ChunkSets, Spilled, SpillFile, TooLong
from dripline.runtime.dead_letters import KEPT_BYTES, DeadLetter, DeadLetterFile
from dripline.runtime.delivery_budget import OVERHEAD, DeliveryBudget
from dripline.runtime.link import MeshLink
from dripline.runtime.routes import Binding, Route, Routes
from dripline.runtime.worker import InFlight, Worker, release, set_in_flight
from dripline.transport.connection import Connection
from dripline.transport.consumer import DurableConsumer
from dripline.wire.body import DEFAULT_LIMITS, Part, read_part
from dripline.wire.codec import read_message
from dripline.wire.message import Message
from dripline.wire.safe_text import duration
from dripline.wire.sender import sender_of

_NO_PROPERTIES = RawProperties(b"\0\0")
_HANDLER_FAILED = "handler failed"
_DISK_PAUSE_S = 1.0  # between attempts at a disk that takes nothing
_LOOK_S = 0.5
# How long to wait for the next chunk of an alert: nobody waits for an answer, and the sender's broker may have
# been short of memory meanwhile.
_CHUNK_WAIT_S = 60.0


class Collected(InFlight):
    """A delivery that counts against the memory of its collector until it is released."""

    __slots__ = ("_collector", "cost", "generation", "held", "spilled")

    def __init__(self, collector: AlertCollector, connection: Connection, delivery: Delivery, cost: int) -> None:
        InFlight.__init__(self, connection, delivery, 0.0)
        self._collector = collector
        self.cost = cost
        self.generation = 0
        self.held = False  # whether the budget knows that it was handled and is held still
        self.spilled: Spilled | None = None

    def released(self) -> None:
        """Count it no longer."""
        self._collector._count_no_longer(self, self.generation)


class AlertCollector(Worker):
    """A thread that handles the messages of a durable queue.

    - Messages are acknowledged when their last holder releases them, chunks together with their message.
    - The bytes of all messages that are not released are bounded. When they exceed the bound the consumer is
      stopped; what still comes until the broker has done so waits on disk. When all is released the consumer
      starts again, with a prefetch count that fits.
    - What can never be handled is written to a file of dead letters, and acknowledged when it is on disk.
    - Chunks of incomplete messages do not count against the bound, since messages would wait for each other for
      ever: beyond a quarter of it their bodies are on disk.

    Args:
        name: The thread's name.
        on_message: Called with each whole message.
        queue_name: The queue.
        memory_bytes: The bound.
        dead_letters: Takes what can never be handled.
        wait_s: How long a missing chunk is waited for. Only time in which nothing came counts: the chunk may be
            behind everything else in the queue, however long that takes.
    """

    def __init__(
        self,
        name: str,
        on_message: Callable[[Message], None],
        queue_name: str,
        memory_bytes: int,
        dead_letters: DeadLetterFile,
        wait_s: float = 60.0,
    ) -> None:
        self.dead_letters = dead_letters
        self._queue_name = queue_name
        self._wait_s = wait_s
        self._budget = DeliveryBudget(memory_bytes)
        self._spill = SpillFile(dead_letters.path.parent)
        self._sets = ChunkSets(memory_bytes // 4, self._spill)
        self._consumer: DurableConsumer | None = None
        self._connection: Connection | None = None
        self._ignoring = False  # whether what comes has no room anywhere, and is left to come again
        self._is_stopped = False  # whether no more comes from the consumer
        self._clock = 0.0  # time in which missing chunks could have come
        self._ending = threading.Event()
        Worker.__init__(self, name, on_message)

    def consume(self, connection: Connection) -> None:
        """Consume on a new connection; what is held from an earlier one still counts."""
        self._connection = connection
        self._consumer = DurableConsumer(
            connection,
            self._queue_name,
            self.feeder(connection),
            on_stopped=self._stopped,
            on_restarted=self._restarted,
            longest_body=DEFAULT_LIMITS.message_bytes,
        )
        self._restarted()
        connection.consume_durably(self._consumer, self._budget.window)

    def stop(self, grace_s: float = 1.0) -> bool:
        """End the thread; what it does not handle in time stays in the queue."""
        self._ending.set()
        return Worker.stop(self, grace_s)

    # -- on the I/O thread -----------------------------------------------------------------------------------

    def _take_in(self, connection: Connection | None, delivery: Delivery) -> None:
        assert connection is not None, "alerts of a durable queue are acknowledged"
        item = Collected(self, connection, delivery, len(delivery.body) + len(delivery.properties.raw) + OVERHEAD)
        item.generation, has_no_room, stop = self._budget.deliver(item.cost, self._sets.chunks)
        if stop:
            self._stop_consumer()
        if self._ignoring or (has_no_room and not self._spilled(item)):
            item.void()  # it is returned when the channel is closed
            item.ack()  # and no longer counted
            return
        self._came += 1
        self._queue.put(item)

    def _spilled(self, item: Collected) -> bool:
        """Move a body to disk; if that is not possible, what comes is ignored until the consumer starts again."""
        body = item.delivery.body
        if isinstance(body, CutBody):
            return True  # it is short
        try:
            item.spilled = self._spill.put(body)
        except OSError:
            self._ignoring = True
            if self._budget.restart():
                self._stop_consumer()
            return False
        item.delivery = item.delivery._replace(body=b"")
        self._budget.count(on_disk=len(body))
        return True

    def _stop_consumer(self) -> None:
        self._is_stopped = False
        if self._consumer is not None:
            self._consumer.stop()

    def _stopped(self) -> None:
        self._is_stopped = True
        self._restart()

    def _restart(self) -> None:
        """Start again if nothing that came is in hand, and nothing more comes."""
        if self._is_stopped and self._budget.is_drained and self._consumer is not None and self._is_connected:
            self._restarted()
            self._consumer.restart(self._budget.window)

    def _restarted(self) -> None:
        self._ignoring = self._is_stopped = False
        self._budget.started()

    def _widen(self, more: int) -> None:
        if self._consumer is not None and self._is_connected:
            self._consumer.add(more)

    def _count_no_longer(self, item: Collected, generation: int | None = None) -> None:
        cost, item.cost = item.cost, 0
        if self._budget.release(cost, generation, item.held):
            self._on_io_thread(self._restart)

    def _on_io_thread(self, action: Callable[[], None]) -> None:
        if self._connection is not None:
            self._connection.on_io_thread(action)

    # -- on the worker's thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._hurry and (item := self._next()) is not None:
                if isinstance(item, Collected):
                    self._handle(item)
                    self._handled += 1
                self._give_up_late()
        finally:
            self.dead_letters.close()
            self._sets.clear()

    def _next(self) -> InFlight | bool | None:
        """Wait for the next delivery; False if none comes for a while, None at the end."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            self.dead_letters.write()
            self._adapt_window()
        began, is_open = time.monotonic(), self._budget.is_open and self._is_connected
        try:
            look_again = self.dead_letters.waiting or len(self._sets) or self._budget.is_extended
            return self._queue.get(timeout=_LOOK_S if look_again else None)
        except queue.Empty:
            return False
        finally:
            if is_open:
                self._clock += min(time.monotonic() - began, _LOOK_S)

    def _adapt_window(self) -> None:
        more = self._budget.widen(self._sets.chunks)
        if more:
            self._on_io_thread(lambda: self._widen(more))
            return
        # The order of messages is certain for a single consumer only.
        is_quiet = not len(self._sets) and not self._budget.bytes
        if is_quiet and self._budget.is_extended and self._budget.restart():
            self._on_io_thread(self._stop_consumer)

    @property
    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_listening

    def _handle(self, item: InFlight) -> None:
        assert isinstance(item, Collected)
        set_in_flight(item)
        try:
            if not self._bring_in(item):
                return
            part = read_part(item.delivery.properties, item.delivery.body, item.delivery.routing_key)
            if isinstance(part.body, CutBody):
                self._bury([item], "too long", _too_long(part.body.size), part)
            elif part.total == 1:
                self._handle_whole(item, part)
            else:
                self._handle_chunk(item, part)
        except ValueError as error:  # DecodingError is one
            body = item.delivery.body
            properties = item.delivery.properties
            part = Part(str(properties.message_id or ""), 0, 1, item.delivery.routing_key, properties, body)
            self._bury([item], "undecodable", str(error), part)
        finally:
            item.held = True
            self._budget.count(handled=item.cost)
            item.ack()
            if item.is_held:  # only what an acknowledgement takes
                item.delivery = item.delivery._replace(properties=_NO_PROPERTIES, body=b"")
            set_in_flight(None)

    def _bring_in(self, item: Collected) -> bool:
        """Have the body in memory; False if there is no point in handling it."""
        spilled, item.spilled = item.spilled, None
        if spilled is not None:
            self._wait_for_room(spilled.size)
            self._budget.count(on_disk=-spilled.size)
            try:
                item.delivery = item.delivery._replace(body=self._spill.take(spilled))
            except OSError:
                self._give_back([item])
                return False
        if not item.is_valid:
            item.void()  # the broker delivers it again
            return False
        return True

    def _handle_whole(self, item: Collected, part: Part) -> None:
        if len(part.body) > DEFAULT_LIMITS.message_bytes:
            self._bury([item], "too long", _too_long(len(part.body)), part)
            return
        message = read_message(part, part.body)
        if message.invalid_reason is not None:
            self._bury([item], "undecodable", message.invalid_reason, part)
            return
        self._deliver(message)
        if item.failure:
            self._bury([item], _HANDLER_FAILED, f"its handler failed: {item.failure}", part)

    def _handle_chunk(self, item: Collected, part: Part) -> None:
        try:
            chunks = self._sets.add(part, item, self._clock)
        except TooLong:
            received = self._sets.too_long(part)
            if received is None:
                self._bury([item], "too long", _too_long(), part)
            else:
                self._bury_set(received, "too long", _too_long())
            return
        except OSError:
            self._give_back([item])
            self._ending.wait(_DISK_PAUSE_S)
            return
        if chunks is None:
            self._count_no_longer(item)  # the sets count it from now on
            return
        item.bring(chunks.held)
        self._wait_for_room(chunks.size)
        try:
            body = self._sets.join(chunks)
        except OSError:
            self._give_back([*chunks.held, item])
            return
        self._budget.count(chunks.size)
        item.cost += chunks.size
        self._handle_whole(item, part._replace(body=body))

    def _wait_for_room(self, size: int) -> None:
        timeout_s = 0.0
        while not self._ending.is_set() and not self._budget.wait_for_room(size, timeout_s):
            self.dead_letters.write()  # what waits for the disk is held, too
            timeout_s = _LOOK_S

    def _give_back(self, items: Sequence[InFlight]) -> None:
        """Return deliveries that the disk has no room for, or has lost; the broker delivers them again."""
        for item in items:
            if item.connection is not None:
                item.connection.give_back(item.delivery)
            item.void()

    def _give_up_late(self) -> None:
        late = self._sets.expired(self._clock, self._wait_s)
        # While the disk takes no dead letters, their bodies may stay where they are.
        while not self.dead_letters.is_refusing and (chunks := next(late, None)) is not None:
            missing = chunks.part.total - len(chunks.bodies)
            text = f"{missing} of its {chunks.part.total} chunks did not come within {duration(self._wait_s)}"
            self._bury_set(chunks, "incomplete", text)

    def _bury_set(self, chunks: ChunkSet, kind: str, reason: str) -> None:
        body = CutBody(self._sets.beginning(chunks, KEPT_BYTES))
        body.size = chunks.size
        self._bury(chunks.held, kind, reason, chunks.part._replace(body=body))
        release(chunks.held)

    def _bury(self, items: Sequence[InFlight], kind: str, reason: str, part: Part) -> None:
        """Write a dead letter soon, and acknowledge the deliveries when it is on disk."""
        sender = sender_of(part.properties) if kind != _HANDLER_FAILED else ""  # not the sender's fault
        reason += f" (from {sender})" if sender else ""
        size = getattr(part.body, "size", len(part.body))  # of one that was cut
        body = bytes(part.body[:KEPT_BYTES])
        self.dead_letters.add(DeadLetter(kind, reason, part.routing_key, part.uuid, body, size), items)


def _too_long(size: int = 0) -> str:
    length = f"{size} bytes are" if size else "it is"
    return f"{length} more than {DEFAULT_LIMITS.message_bytes >> 20} MiB"


@dataclass(frozen=True)
class DurableQueue:
    """A queue of alerts that outlives the process of its service.

    It hangs on a durable exchange, so that its bindings outlive a restart of the broker, too.

    Attributes:
        name: Its name.
        keys: Gives its binding keys.
        take: Called with each message, one at a time.
        memory_bytes: How many bytes of messages may be here and not acknowledged.
        dead_letters: Gives the file for messages that can never be handled.
    """

    name: str
    keys: Callable[[], Iterable[str]]
    take: Callable[[Message], None]
    memory_bytes: int
    dead_letters: Callable[[], Path]

    def open(self, link: MeshLink, routes: Routes, wait_s: float) -> AlertCollector:
        """Declare it on each connection and consume from it.

        Args:
            link: The link of the service.
            routes: The routes of the service.
            wait_s: How long missing chunks of a message are waited for, a minute at least.

        Returns:
            The worker that handles its messages.
        """
        exchange = link.mesh.durable_alerts_exchange
        letters = DeadLetterFile(self.dead_letters(), link.service_name)
        worker = AlertCollector(
            f"dripline-{self.name}", self.take, self.name, self.memory_bytes, letters, max(wait_s, _CHUNK_WAIT_S)
        )

        def bind(connection: Connection) -> None:
            connection.declare_durable_exchange(exchange, link.mesh.alerts_exchange)
            connection.bind(self.name, exchange, list(self.keys()))

        def set_up(connection: Connection) -> None:
            connection.declare_durable_queue(self.name)
            bind(connection)
            # The answer to this comes after the bindings are made.
            connection.declare_exchanges([link.mesh.alerts_exchange])
            worker.consume(connection)

        link.add_setup(set_up)
        routes.add(Route(self.name, bind, [exchange], lambda: [Binding(exchange, key) for key in self.keys()]))
        return worker
