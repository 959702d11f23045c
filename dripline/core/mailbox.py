"""A service's side of the mesh: its queues and their workers, and what it sends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from dripline.runtime.client import MeshClient
from dripline.runtime.inbox import PendingReply
from dripline.runtime.worker import Worker, in_hand
from dripline.transport import Connection
from dripline.wire.errors import BrokerError, ConnectionLost, DriplineError, NameTaken
from dripline.wire.mesh import MeshSettings
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

logger = logging.getLogger(__name__)


class SentMessagePackage(NamedTuple):
    """What became of a message that was sent.

    Attributes:
        successful_send: whether the broker was given it.
        send_error_message: why not, else empty.
        pending: where the reply to a request will arrive.
    """

    successful_send: bool
    send_error_message: str = ""
    pending: PendingReply | None = None


class Mailbox:
    """Queues of one service on one connection, put back in place whenever the connection comes back.

    Before it is opened messages can be sent already; the queues come with a connection of their own.

    Args:
        name: name of the service and of its queue.
        mesh: the mesh's settings.
        username: login name.
        password: secret.
    """

    def __init__(self, name: str, mesh: MeshSettings, username: str, password: str) -> None:
        self.name = name
        self.mesh = mesh
        self._client = MeshClient(mesh, username, password, service_name=name)
        self._link = self._client.link
        self._workers: list[Worker] = []
        self._bindings: dict[tuple[str, str], None] = {}
        self._wait_s = 1.0
        self._trouble = False
        self._closed = False
        self.is_open = False

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return str(self._link.address)

    # -- life ------------------------------------------------------------------------------------------------

    def open(
        self,
        take: Callable[[Message], None],
        bind_keys: Callable[[], object],
        queues: Mapping[str, Callable[[Message], None]],
        wait_s: float,
    ) -> None:
        """Connect, declare the queues, bind them and consume.

        Args:
            take: called with each message of the service's queue, one at a time.
            bind_keys: binds the service's queue, now and whenever the connection comes back.
            queues: further queues as for `add_queue`.
            wait_s: how long missing chunks of a message are waited for.

        Raises:
            BrokerUnreachable: no broker answered.
            LoginRefused: the broker refused the login.
            NameTaken: a service of this name is on the mesh.
        """
        self._link.close()  # it is open when a constructor sent something
        self._link.renew_sender()
        self._closed = False
        self._wait_s = wait_s
        worker = self._new_worker(self.name, take)

        def set_up(connection: Connection) -> None:
            self._declare(connection, self.name)
            bind_keys()
            for exchange, key in list(self._bindings):
                connection.bind(self.name, exchange, [key])
            connection.consume(self.name, worker.feeder(connection))

        self._link.add_setup(set_up)
        for name, take_for_queue in queues.items():
            self.add_queue(name, take_for_queue)
        self._link.open()
        self.is_open = True

    def add_queue(self, name: str, take: Callable[[Message], None]) -> None:
        """Add a queue, bound with its name, with a worker of its own.

        Args:
            name: its name, that of an endpoint.
            take: called with each message, one at a time.

        Raises:
            NameTaken: there is a queue of that name on the mesh.
        """
        worker = self._new_worker(name, take)

        def set_up(connection: Connection) -> None:
            self._declare(connection, name)
            connection.bind(name, self.mesh.requests_exchange, [f"{name}.#"])
            connection.consume(name, worker.feeder(connection))

        self._link.add_setup(set_up)

    def close(self, grace_s: float) -> None:
        """Answer what is in hand, and leave the mesh.

        Args:
            grace_s: how long to wait for handlers that are busy, and for the broker.
        """
        if self.is_open:
            self._link.stop_listening()
        deadline = time.monotonic() + grace_s
        for worker in self._workers:
            worker.stop(0)  # tells all of them, before the first one is waited for
        for worker in self._workers:
            if not worker.stop(max(0.0, deadline - time.monotonic())):
                logger.warning("%s: a handler is still busy; not waiting for it any longer", self.name)
        self._workers = []
        self._closed, self.is_open = True, False
        try:
            if self._link.is_open and not self._link.connection.wait_for_confirms(grace_s):
                logger.warning("%s: the broker did not confirm all alerts", self.name)
        except ConnectionLost as error:
            logger.warning("%s: left while the broker was away: %s", self.name, error)
        self._link.close()

    # -- bindings --------------------------------------------------------------------------------------------

    def bind(self, exchange: str, keys: Iterable[str]) -> None:
        """Bind the service's queue, on this connection only."""
        self._link.connection.bind(self.name, exchange, list(keys))

    def keep_bound(self, exchange: str, key: str) -> None:
        """Bind the service's queue from now on: at once if there is a queue, and whenever there is a new one."""
        self._bindings[exchange, key] = None
        if self._workers and self._link.is_open:
            self.bind(exchange, [key])

    # -- messages --------------------------------------------------------------------------------------------

    def send(self, message: Message) -> SentMessagePackage:
        """Send a message; a failure is told in the result, and in the log when it is the first one."""
        try:
            pending = self._published(message)
        except (BrokerError, TimeoutError) as error:
            level = logging.DEBUG if self._trouble else logging.WARNING
            logger.log(level, "%s: could not send to %r: %s", self.name, message.routing_key, error)
            self._trouble = True
            return SentMessagePackage(False, str(error))
        if self._trouble:
            logger.warning("%s: can send again", self.name)
            self._trouble = False
        return SentMessagePackage(True, pending=pending)

    def ask(self, request: MsgRequest, timeout_s: float) -> MsgReply:
        """Send a request and wait for its reply, and before that for a connection that is being made anew.

        Raises:
            NoRoute: nobody is bound for the routing key.
            ReplyTimeout: no reply in time.
            BrokerError: there is no connection, or it went away.
        """
        self._refuse_when_closed()
        return self._client.request(request, timeout_s)

    def _published(self, message: Message) -> PendingReply | None:
        self._refuse_when_closed()
        if not self.is_open:  # a constructor sends something; once open, the link comes back by itself
            self._link.open()
        if isinstance(message, MsgRequest):
            return self._link.send_request(message)
        if isinstance(message, MsgReply):
            self._publish_reply(message)
        elif isinstance(message, MsgAlert):
            self._link.send_alert(message)
        return None

    def _publish_reply(self, reply: MsgReply) -> None:
        handled = in_hand()
        delivery = handled.take() if handled is not None else None
        try:
            self._link.send_reply(reply, delivery)
        except (BrokerError, TimeoutError):
            raise
        except Exception as error:
            if delivery is not None:  # else it would count as unfinished for ever
                self._link.connection.ack(delivery)
            if isinstance(error, DriplineError):
                raise  # an address that is none
            # What a handler gave cannot be encoded; whoever waits is told that instead of nothing.
            logger.exception("%s: a reply could not be encoded", self.name)
            reply.return_code, reply.plain_payload = 999, None
            reply.return_message = f"the reply could not be encoded: {type(error).__name__}: {error}"
            self._link.send_reply(reply)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise ConnectionLost(f"{self.name} was stopped")

    # -- inside ----------------------------------------------------------------------------------------------

    def _new_worker(self, name: str, take: Callable[[Message], None]) -> Worker:
        worker = Worker(f"dripline-{name}", take, self._wait_s)
        self._workers.append(worker)
        return worker

    def _declare(self, connection: Connection, name: str) -> None:
        try:
            connection.declare_queue(name)
        except NameTaken as error:
            raise NameTaken(
                f"{name!r} is taken: another service or endpoint of that name is on the mesh at {self.address}; "
                "stop it, or give this one another name"
            ) from error
