"""The client of a mesh: asks, tells and listens, without being a service."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType

from dripline.runtime.heartbeat import Heartbeat
from dripline.runtime.inbox import PendingReply
from dripline.runtime.link import MeshLink
from dripline.runtime.probes import is_probe
from dripline.runtime.routes import Binding, Route, Routes
from dripline.runtime.worker import Worker
from dripline.transport import Connection
from dripline.wire.errors import BrokerError, ReplyTimeout
from dripline.wire.mesh import MeshSettings
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

logger = logging.getLogger(__name__)

_CONFIRM_TIMEOUT_S = 30.0
_PATIENCE_S = 10.0  # for a connection that was lost


class MeshClient:
    """One connection, one reply queue, many requests in flight. Any thread may call any method.

    Args:
        mesh: The mesh's settings.
        username: Login name.
        password: Secret.
        service_name: Name given in `sender_info`.
    """

    def __init__(
        self,
        mesh: MeshSettings,
        username: str = "guest",
        password: str = "guest",
        *,
        service_name: str = "unknown",
    ) -> None:
        self.link = MeshLink(mesh, username, password, service_name)
        self._listeners: list[Worker] = []
        self._routes = Routes(self.link)
        self._check = Heartbeat(self._check_routes, mesh.self_check_interval_s, "dripline-self-check")
        self._problem = ""

    def open(self, attempts: int | None = None) -> None:
        """Connect; done by the first call that needs it otherwise.

        Args:
            attempts: How often to try; the mesh's ``max_connection_attempts`` when None.

        Raises:
            BrokerUnreachable: Nobody answered.
            LoginRefused: User, password or virtual host is wrong.
        """
        self.link.open(attempts)

    def submit(self, request: MsgRequest, timeout_s: float = 10.0) -> PendingReply:
        """Send a request without waiting for its reply; call ``wait`` of the result for that.

        Args:
            request: The request.
            timeout_s: Longest wait for a connection that was lost, or a broker that takes no data, in seconds.

        Raises:
            ConnectionLost: The connection was lost, and did not come back in time.
            BrokerError: The broker takes no messages for now.
            TimeoutError: The broker took no data.
        """
        self.link.open(patience_s=timeout_s)
        return self.link.send_request(request, timeout_s=timeout_s)

    def request(self, request: MsgRequest, timeout_s: float = 10.0) -> MsgReply:
        """Send a request and wait for its reply, whatever its return code.

        Raises:
            NoRoute: Nobody is bound for the routing key.
            ReplyTimeout: No reply in time.
            ConnectionLost: The connection went away meanwhile.
            BrokerError: The broker takes no messages for now.
        """
        deadline = time.monotonic() + timeout_s
        try:
            pending = self.submit(request, timeout_s)
        except TimeoutError as error:
            raise ReplyTimeout(f"could not ask {request.routing_key!r}: {error}") from None
        return pending.wait(max(0.0, deadline - time.monotonic()))

    def publish(self, message: MsgReply | MsgAlert) -> None:
        """Send a reply or an alert; returns when the broker has it.

        Raises:
            BrokerError: The broker refused it, or could not be reached.
            TimeoutError: The broker said nothing for 30 s.
        """
        self.link.open(patience_s=_PATIENCE_S)
        send = self.link.send_reply_confirmed if isinstance(message, MsgReply) else self.link.send_alert
        for slot in send(message):  # type: ignore[arg-type]  # each of the two gets its kind
            if not slot.wait(_CONFIRM_TIMEOUT_S):
                raise BrokerError(f"the broker refused the message for {message.routing_key!r}")

    def monitor(
        self, request_keys: Sequence[str], alert_keys: Sequence[str], on_message: Callable[[Message], None]
    ) -> None:
        """Listen to what is sent with certain routing keys; returns when listening.

        Args:
            request_keys: Binding keys on the requests exchange, ``#`` for all.
            alert_keys: Binding keys on the alerts exchange.
            on_message: Called with each message, one at a time, on a thread of its own; not with the probes of
                services that check their bindings.
        """
        self.link.open(patience_s=_PATIENCE_S)

        def show(message: Message) -> None:
            if not is_probe(message):
                on_message(message)

        listener = Worker("dripline-monitor", show)
        self._listeners.append(listener)  # `close` ends it, also when the set-up fails
        name = f"monitor_{uuid.uuid4()}"

        mesh = self.link.mesh
        bindings = [Binding(mesh.requests_exchange, key) for key in request_keys]
        bindings += [Binding(mesh.alerts_exchange, key) for key in alert_keys]

        def bind(connection: Connection) -> None:
            connection.bind(name, mesh.requests_exchange, request_keys)
            connection.bind(name, mesh.alerts_exchange, alert_keys)

        def setup(connection: Connection) -> None:
            connection.declare_queue(name)
            bind(connection)
            connection.consume(name, listener.put, no_ack=True)

        self.link.add_setup(setup)
        self._routes.add(Route(name, bind, bindings=lambda: bindings))
        self._check.start()

    def close(self) -> None:
        """End the connection."""
        self._check.stop(0)
        self._routes.close()
        self.link.close()
        while self._listeners:
            self._listeners.pop().stop()

    def _check_routes(self) -> None:
        """Find out whether a monitor still gets what it listens to, and restore what an operator deleted."""
        try:
            problem = self._routes.check(self.link.connection)
            if problem:
                if not self._problem:
                    logger.warning("monitor: %s; declaring and binding everything again", problem)
                self._problem = problem
                self._routes.restore()
            elif self._problem:
                self._problem = ""
                logger.warning("monitor: can be reached again")
        except (BrokerError, TimeoutError) as error:  # a connection that is lost puts everything in place itself
            logger.debug("the bindings could not be checked: %s", error)

    def __enter__(self) -> MeshClient:
        """Connect."""
        self.open()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
