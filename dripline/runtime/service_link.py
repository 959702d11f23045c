"""`ServiceLink`: the login, queues, bindings, workers and sending side of a service."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from dripline.amqp.content import Delivery
from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError, ConnectionLost
from dripline.runtime import forks
from dripline.runtime.alert_collector import AlertCollector, DurableQueue
from dripline.runtime.alert_publisher import ServiceAlerts
from dripline.runtime.client import MeshClient
from dripline.runtime.liveness import LifeSigns
from dripline.runtime.outage import Outage
from dripline.runtime.pending_replies import SentMessagePackage
from dripline.runtime.reply_sender import ReplySender
from dripline.runtime.routes import Binding, Route, Routes
from dripline.runtime.shared_names import declare_queue, refuse_shared
from dripline.runtime.store_and_forward import BufferPolicy
from dripline.runtime.worker import PriorityLane, Worker
from dripline.transport.connection import Connection
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

logger = logging.getLogger("dripline.service")

_LONGEST_CANCEL_S = 2.0
_SHORTEST_PUBLISHING_S = 0.3  # for alerts, when handlers have used up the time


class ServiceLink:
    """Queues of one service on one connection, put back in place whenever the connection comes back.

    Before it is opened messages can be sent already; the queues come with a connection of their own.

    Args:
        name: name of the service and of its queue.
        mesh: the mesh's settings.
        username: login name.
        password: secret.
        keep: how many alerts wait for a broker that is away.
        unique: whether to refuse names that another service answers to.
    """

    def __init__(
        self, name: str, mesh: MeshSettings, username: str, password: str, keep: BufferPolicy, unique: bool
    ) -> None:
        self.name = name
        self._login = username, password
        self._keep = keep
        self._unique = unique
        self._queue_names: set[str] = set()
        self._make_client(mesh)
        self._workers: list[Worker] = []
        self._priority_lane: PriorityLane | None = None
        self._durable_queues: list[DurableQueue] = []
        self._bindings: dict[Binding, None] = {}
        self._bound: dict[Binding, None] = {}  # on this connection, beside those
        self._prefetch = 1
        self._wait_s = 1.0
        self._parent: int | None = None
        self._outage = Outage(logger)
        self._closed = self.is_open = False
        forks.register(self)

    def _make_client(self, mesh: MeshSettings) -> None:
        self.mesh = mesh
        self._client = MeshClient(mesh, *self._login, service_name=self.name)
        self._link = self._client.link
        self._publisher = self._new_publisher()
        self._replies = ReplySender(
            self.name,
            pack=lambda reply: self._link.pack_reply(reply),
            publish=lambda envelopes, ack: self._link.send_packed_reply(envelopes, ack),
        )
        self.routes = Routes(self._link, watches=True)

    def use(self, mesh: MeshSettings) -> bool:
        """Use other settings, unless something was sent already; tells whether it does."""
        if self.is_open or self._link.is_open or len(self._publisher):
            return False
        self._publisher.close(0.0)
        self._make_client(mesh)
        return True

    def after_fork(self) -> None:
        """Leave the service to the parent, if it runs there; else it can run here."""
        if self.is_left_behind:
            return
        self._publisher.abandon()
        if self._workers:
            self._parent = os.getppid()
            self.is_open = False
        else:
            self._publisher = self._new_publisher()

    @property
    def is_left_behind(self) -> bool:
        """Whether this process was forked from one in which the service runs, and goes on running."""
        return self._parent is not None

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return str(self._link.address)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._link.is_open

    @property
    def connection_now(self) -> Connection | None:
        """The connection of this moment, if there is one."""
        try:
            return self._link.connection
        except ConnectionLost:
            return None

    def keep_alerts(self, keep: BufferPolicy) -> None:
        """Set how many alerts wait for a broker that is away; before the service starts."""
        self._keep = keep
        self._publisher.set_policy(keep)

    # -- life ------------------------------------------------------------------------------------------------

    def open(
        self,
        take: Callable[[Message], None],
        bind_keys: Callable[[], object],
        queues: Mapping[str, Callable[[Message], None]],
        wait_s: float,
        prefetch: int,
        priority_lane: PriorityLane,
        connected: Callable[[Connection], None],
        own: Callable[[], Iterable[str]],
    ) -> None:
        """Connect, declare the queues, bind them and consume.

        Args:
            take: called with each message of the service's queue, one at a time.
            bind_keys: binds the service's queue, now and whenever the connection comes back.
            queues: further queues as for `add_queue`.
            wait_s: how long missing chunks of a message are waited for.
            prefetch: how many messages of the service's queue may be here and not acknowledged.
            priority_lane: takes what need not wait for a busy worker.
            connected: called with each connection on which all is in place.
            own: gives the names whose requests come into the service's queue, its own first.

        Raises:
            BrokerUnreachable: no broker answered.
            LoginRefused: the broker refused the login.
            NameTaken: a service of this name is on the mesh, or another one answers to a name that must be unique.
        """
        self._refuse_when_left_behind()
        self._link.close()  # it is open when a constructor sent something
        self._link.renew_sender()
        if self._closed:
            self._publisher = self._new_publisher()
        self._closed = False
        self._wait_s = wait_s
        self._priority_lane = priority_lane
        self._prefetch = prefetch
        replies = self._link.pending_replies
        replies.on_other = lambda delivery: priority_lane.put(delivery._replace(routing_key=self.name))

        def bind(connection: Connection) -> None:
            self._bound.clear()
            bind_keys()
            for exchange, key in list(self._bindings):
                connection.bind(self.name, exchange, [key])

        def check() -> None:
            if self._unique:
                refuse_shared(self._link, self.name, [*own(), *self._queue_names])

        self._link.add_setup(self._link.alerts.declare)
        if self._unique:
            self._link.add_setup(self._link.prepare_replies)  # before the set-up that waits for some
        self._serve(
            self.name, take, bind,
            bindings=lambda: [*self._bound, *self._bindings],
            probed=lambda: [name for name in own() if self._requests_for(name) in self._bound],
            check=check, prefetch=prefetch,
        )  # fmt: skip
        for name, take_for_queue in queues.items():
            self.add_queue(name, take_for_queue)
        for queue in self._durable_queues:
            self._workers.append(queue.open(self._link, self.routes, wait_s))
        self._link.add_setup(self._link.prepare_alerts)
        self._link.add_setup(lambda _: self._publisher.connected())
        self._link.add_setup(connected)
        self._link.open()
        self.is_open = True

    def refuse_shared(self, name: str) -> None:
        """Raise `NameTaken` if another service answers to a name that is to be bound and must be unique."""
        if self._unique and self.is_open:
            with contextlib.suppress(ConnectionLost):  # the next connection begins with that
                refuse_shared(self._link, self.name, [name])

    def add_queue(self, name: str, take: Callable[[Message], None]) -> None:
        """Add the queue of an endpoint, whose messages a separate worker hands to ``take``, one at a time.

        Raises:
            NameTaken: there is a queue of that name on the mesh.
        """
        binding = self._requests_for(name)
        self._queue_names.add(name)

        def bind(connection: Connection) -> None:
            connection.bind(name, binding.exchange, [binding.key])

        self._serve(name, take, bind, bindings=lambda: [binding], probed=lambda: [name])

    def _serve(
        self,
        name: str,
        take: Callable[[Message], None],
        bind: Callable[[Connection], None],
        *,
        bindings: Callable[[], Iterable[Binding]],
        probed: Callable[[], Iterable[str]],
        check: Callable[[], None] = lambda: None,
        prefetch: int = 100,
    ) -> None:
        """Have a queue on this connection and on each that follows it, checked by its routes."""
        worker = Worker(f"dripline-{name}", take, self._wait_s)
        self._workers.append(worker)

        def set_up(connection: Connection) -> None:
            declare_queue(connection, name)
            check()
            bind(connection)
            connection.consume(name, self._feeder(worker, connection), prefetch=prefetch)

        self._link.add_setup(set_up)
        self.routes.add(Route(name, bind, (), bindings, probed, is_busy=lambda: not worker.is_idle))

    def add_durable_queue(self, queue: DurableQueue) -> None:
        """Add a queue of alerts that outlives this process and collects while it is away; before `open`."""
        self._durable_queues.append(queue)

    def close(self, grace_s: float) -> None:
        """Answer requests that were received, publish alerts, and leave the mesh.

        Args:
            grace_s: how long all of that may take, for busy handlers and for the broker; writing the remaining
                alerts to disk and closing the connection take at most one second more.
        """
        if self.is_left_behind:
            return
        self.routes.close()
        deadline = time.monotonic() + grace_s
        if self.is_open:
            self._link.stop_listening(min(_LONGEST_CANCEL_S, grace_s / 2))
        for worker in self._workers:
            worker.stop(0)  # tells all of them, before the first one is waited for
        for worker in self._workers:
            if not worker.stop(max(0.0, deadline - time.monotonic())):
                logger.warning("%s: a handler is still busy; not waiting for it any longer", self.name)
        self._workers = []
        self._link.pending_replies.on_other = None
        if self._priority_lane is not None:
            self._priority_lane.stop(max(0.0, deadline - time.monotonic()))
        self._closed, self.is_open = True, False
        self._publisher.close(max(min(_SHORTEST_PUBLISHING_S, grace_s), deadline - time.monotonic()))
        self._link.close(final=True)

    def bind(self, exchange: str, keys: Iterable[str]) -> None:
        """Bind the service's queue, on this connection only; returns when it is bound, except in a set-up."""
        keys = list(keys)

        def bind(connection: Connection) -> None:
            # A set-up waits for its consumer, which comes later, and so for all bindings at once.
            (connection.bind_now if self._link.is_established else connection.bind)(self.name, exchange, keys)
            self._bound.update(dict.fromkeys(Binding(exchange, key) for key in keys))

        self._link.do(bind)

    def keep_bound(self, exchange: str, key: str) -> None:
        """Bind the service's queue from now on: at once if there is a queue, and whenever there is a new one."""
        self._bindings[Binding(exchange, key)] = None
        if self._workers and self._link.is_open:
            with contextlib.suppress(BrokerError):  # the next connection has it
                self.bind(exchange, [key])

    # -- messages --------------------------------------------------------------------------------------------

    def send(self, message: Message, keep: bool = True) -> SentMessagePackage:
        """Send a message; a failure is told in the result, and in the log when it is the first one.

        Args:
            message: a request, a reply or an alert.
            keep: whether an alert waits for a broker that is away.
        """
        pending, refused = None, ""
        try:
            self._refuse_when_closed()
            if isinstance(message, MsgAlert):
                refused = self._publisher.send(message, keep=keep)
                return SentMessagePackage(not refused, refused)
            if not self.is_open:  # a constructor sends something; once open, the link comes back by itself
                self._link.open()
            if isinstance(message, MsgReply):
                refused = self._replies.send(message)
            elif isinstance(message, MsgRequest):
                pending = self._link.send_request(message)
        except (BrokerError, TimeoutError) as error:
            if not isinstance(message, MsgAlert):
                self._outage.tell("", "%s: could not send to %r: %s", self.name, message.routing_key, error)
            return SentMessagePackage(False, str(error))
        if self._outage.why:
            self._outage.end("%s: can send again", self.name)
        return SentMessagePackage(not refused, refused, pending)

    def ask(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        """Send a request and wait for its reply, and before that for a connection that is being made anew.

        Errors as for `MeshClient.request`.
        """
        self._refuse_when_closed()
        return self._client.request(request, timeout_s)

    def _refuse_when_closed(self) -> None:
        self._refuse_when_left_behind()
        if self._closed:
            raise ConnectionLost(f"{self.name} was stopped")

    def _refuse_when_left_behind(self) -> None:
        if self.is_left_behind:
            raise ConnectionLost(
                f"service {self.name} runs in process {self._parent}, not in this one, which was forked from it; "
                "use an Interface here"
            )

    @property
    def waiting_alerts(self) -> int:
        """How many alerts wait for the broker."""
        return len(self._publisher)

    def life_signs(self, awaited: Iterable[str], kept: Container[str]) -> LifeSigns | None:
        """Return what a waiting client learns from a ping; None without a connection.

        Args:
            awaited: Correlation ids of its requests.
            kept: Those of requests that were handled without a reply, and may be answered later.
        """
        address = self._link.reply_address
        workers = [worker for worker in self._workers if isinstance(worker, Worker)]
        unfinished: set[str] = set().union(*(worker.unfinished() for worker in workers))
        held = [key for key in awaited if key in unfinished or key in kept]
        # Half of it, since the two sides count at different moments.
        is_full = any(worker.backlog >= self._prefetch / 2 for worker in workers)
        return LifeSigns(address, held, is_full) if address else None

    def counts(self) -> dict[str, Any]:
        """Count alerts that wait or were lost, dead letters of durable queues, and messages that were dropped."""
        found: dict[str, Any] = {
            "waiting_alerts": self.waiting_alerts,
            "dropped_alerts": self._publisher.dropped,  # there was no room
            "damaged_alerts": self._publisher.damaged,  # or lost on disk, or refused by the broker
        }
        collectors = [worker for worker in self._workers if isinstance(worker, AlertCollector)]
        if collectors:
            found["dead_letters"] = sum(worker.dead_letters.count for worker in collectors)
        dropped = sum((worker.dropped for worker in self._workers), Counter[str]())
        if dropped:
            found["dropped_messages"] = dict(dropped)
        return found

    def _new_publisher(self) -> ServiceAlerts:
        return ServiceAlerts(self._link, self._keep, lambda: not self.is_open and not self._closed)

    def _requests_for(self, name: str) -> Binding:
        return Binding(self.mesh.requests_exchange, f"{name}.#")

    def _feeder(self, worker: Worker, connection: Connection) -> Callable[[Delivery], None]:
        lane, routes = self._priority_lane, self.routes
        feed = lane.feeder(connection, worker) if lane is not None else worker.feeder(connection)

        def take(delivery: Delivery) -> None:
            if delivery.properties.correlation_id in routes.probes:
                routes.take_probe(connection, delivery)
            else:
                feed(delivery)

        return take
