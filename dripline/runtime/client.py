"""`MeshClient`: sends requests and alerts, monitors messages, discovers services and their endpoints."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError, DriplineError, NoRoute, ReplyTimeout
from dripline.runtime import forks
from dripline.runtime.heartbeat import Heartbeat
from dripline.runtime.link import MeshLink
from dripline.runtime.liveness import is_automatic
from dripline.runtime.outage import Outage
from dripline.runtime.pending_replies import PendingReply
from dripline.runtime.routes import Binding, Route, Routes
from dripline.runtime.worker import Worker
from dripline.transport.connection import Connection
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.safe_text import duration

logger = logging.getLogger("dripline.connection")

#: What is asked of a service to hear about its endpoints. With a hyphen, it is no attribute's name.
LIST_ENDPOINTS = "list-endpoints"

_CONNECT_S = 1.0
_TIMEOUT_S = 30.0
_GOODBYE_S = 0.3


class MeshClient:
    """One connection, one reply queue, many requests in flight. Any thread may call any method.

    Args:
        mesh: The mesh's settings.
        username: Login name.
        password: Secret.
        service_name: Name given in `sender_info`.
    """

    def __init__(
        self, mesh: MeshSettings, username: str = "guest", password: str = "guest", service_name: str = "unknown"
    ) -> None:
        self.link = MeshLink(mesh, username, password, service_name)
        self._made_of = mesh, username, password, service_name
        self.after_fork()
        forks.register(self)

    def after_fork(self) -> None:
        """Start over; monitors are the parent's."""
        self._listeners: list[Worker] = []
        self._routes = Routes(self.link)
        self._check = Heartbeat(self._check_routes, self.link.mesh.self_check_interval_s, "dripline-self-check")
        self._outage = Outage(logger)

    def __reduce__(self) -> Any:
        """Another process makes its own client, not connected, of the same settings."""
        return MeshClient, self._made_of

    def open(self, attempts: float | None = None, timeout_s: float | None = None) -> None:
        """Connect, as `ReconnectingConnection.open`; done by the first call that needs it otherwise."""
        self.link.open(attempts, timeout_s)

    def submit(self, request: MsgRequest, timeout_s: float | None = None) -> PendingReply:
        """Send a request without waiting for its reply; call ``wait`` of the result for that.

        Args:
            request: The request.
            timeout_s: Longest wait for a connection, and for a broker that takes no data, in seconds. None or 0:
                as long as the mesh's ``max_connection_attempts`` take.

        Raises:
            BrokerError: As for `request`.
            TimeoutError: The broker took no data.
        """
        timeout_s = _limit(timeout_s)
        if timeout_s is None:
            self.link.open(again=True)
            return self.link.send_request(request, timeout_s=_TIMEOUT_S)
        left_s = _countdown(timeout_s)
        self.link.open(timeout_s=timeout_s)
        return self.link.send_request(request, timeout_s=left_s())

    def request(self, request: MsgRequest, timeout_s: float | None = None) -> MsgReply:
        """Send a request and wait for its reply, whatever its return code.

        Args:
            request: The request.
            timeout_s: Longest wait for everything together: name, connection, login, queue and reply, in seconds.
                None or 0: as long as a reply can come; connecting is limited by ``max_connection_attempts``.

        Raises:
            BrokerUnreachable: There was no connection in time; the text says how far it has come.
            NoRoute: Nobody is bound for the routing key.
            ReplyTimeout: No reply in time. Without a time limit: the service has ceased to answer pings, or has
                lost the request.
            ConnectionLost: The connection went away meanwhile.
            BrokerError: The broker takes no messages for now.
        """
        timeout_s = _limit(timeout_s)
        left_s = _countdown(timeout_s) if timeout_s is not None else None
        try:
            pending = self.submit(request, timeout_s)
        except TimeoutError as error:
            raise ReplyTimeout(f"could not ask {request.routing_key!r}: {error}") from None
        return pending.wait(None if left_s is None else left_s(), timeout_s)

    def publish(self, message: MsgReply | MsgAlert, timeout_s: float = _TIMEOUT_S) -> None:
        """Send a reply or an alert; returns when the broker has it.

        Args:
            message: The message.
            timeout_s: Longest wait for a connection and for the confirm together, in seconds.

        Raises:
            BrokerError: The broker refused it, or could not be reached.
            ReplyTimeout: The broker did not confirm it in time; whether it has the message is not known.
        """
        left_s = _countdown(timeout_s)
        self.link.open(timeout_s=timeout_s)
        self.link.open_confirms(left_s())
        try:
            confirmed = [slot.wait(left_s()) for slot in self.link.send_confirmed(message, left_s())]
        except TimeoutError:
            raise ReplyTimeout(
                f"the broker did not confirm the message for {message.routing_key!r} within {duration(timeout_s)}"
            ) from None
        if not all(confirmed):
            raise BrokerError(f"the broker refused the message for {message.routing_key!r}")

    def monitor(
        self,
        request_keys: Sequence[str],
        alert_keys: Sequence[str],
        on_message: Callable[[Message], None],
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Listen to what is sent with certain routing keys; returns when listening.

        Args:
            request_keys: Binding keys on the requests exchange, ``#`` for all.
            alert_keys: Binding keys on the alerts exchange.
            on_message: Called with each message, one at a time, on a thread of its own; not with the pings
                that members send by themselves.
            timeout_s: Longest wait for a connection and for the queue together, in seconds.
        """
        left_s = _countdown(timeout_s)
        self.link.open(timeout_s=timeout_s)

        def show(message: Message) -> None:
            if not is_automatic(message):
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

        self.link.add_setup(setup, left_s())
        self._routes.add(Route(name, bind, bindings=lambda: bindings))
        self._check.start()

    def close(self, timeout_s: float | None = None) -> None:
        """End the connection.

        Args:
            timeout_s: Longest wait for the broker's goodbye, in seconds; None waits long enough to send what the
                broker has not taken yet.
        """
        self._check.stop(0)
        self._routes.close()
        self.link.close(timeout_s)
        while self._listeners:
            self._listeners.pop().stop()

    @contextmanager
    def in_time(self) -> Iterator[MeshClient]:
        """Use it for calls with time limits: it connects in the first one, and its end is no wait beyond them."""
        try:
            yield self
        finally:
            self.close(_GOODBYE_S)

    def _check_routes(self) -> None:
        """Find out whether a monitor still gets what it listens to, and restore what an operator deleted."""
        try:
            problem = self._routes.check(self.link.connection)
            if problem:
                self._outage.tell("", "monitor: %s; declaring and binding everything again", problem)
                self._routes.restore()
            else:
                self._outage.end("monitor: can be reached again")
        except (BrokerError, TimeoutError) as error:  # a connection that is lost puts everything in place itself
            logger.debug("the bindings could not be checked: %s", error)

    def __enter__(self) -> MeshClient:
        """Connect."""
        self.open()
        return self

    def __exit__(self, *_error: object) -> None:
        """Close."""
        self.close()


def _countdown(timeout_s: float) -> Callable[[], float]:
    """Return what gives the seconds that are left."""
    deadline = time.monotonic() + timeout_s
    return lambda: max(0.0, deadline - time.monotonic())


def _limit(timeout_s: float | None) -> float | None:
    return timeout_s if timeout_s and timeout_s != math.inf else None


@dataclass
class Present:
    """A service that answered.

    Attributes:
        name: the service.
        sender: what it said of itself.
        endpoints: ``{"name": …, "class": …}`` of each endpoint; None from a service that does not tell.
    """

    name: str
    sender: dict[str, Any]
    endpoints: list[dict[str, Any]] | None = field(default=None)


def discover_services(
    new_client: Callable[[], MeshClient],
    wait_s: float = 1.0,
    broadcast_key: str = "broadcast",
    connect_s: float | None = None,
) -> list[Present]:
    """Ask all services of a mesh to answer.

    Args:
        new_client: makes a client that nobody else uses; it is closed at the end.
        wait_s: how long to wait for answers, in seconds: nobody knows how many will come.
        broadcast_key: first word of the routing keys that address every service.
        connect_s: longest wait for a connection and the queue, in seconds; None for ``wait_s``, or 1 s if that is
            longer.

    Returns:
        The services that answered, by name.

    Raises:
        BrokerError: there is no broker.
    """
    with new_client().in_time() as client:
        limit_s = max(wait_s, _CONNECT_S) if connect_s is None else connect_s
        present = _pings(client, wait_s, broadcast_key, limit_s)
        deadline = time.monotonic() + wait_s
        requests = [MsgRequest.create(None, op_t.get, service.name, LIST_ENDPOINTS) for service in present]
        asked = [client.submit(request, wait_s) for request in requests]
        for service, pending in zip(present, asked, strict=True):
            service.endpoints = _endpoints(pending, max(0.0, deadline - time.monotonic()))
    return present


def _pings(client: MeshClient, wait_s: float, broadcast_key: str, connect_s: float) -> list[Present]:
    found: dict[str, Present] = {}

    def take(message: Message) -> None:
        if isinstance(message, MsgReply):
            name = str(message.sender_info.get("service_name", ""))
            found[name] = Present(name, dict(message.sender_info))

    address = f"roll-call-{uuid.uuid4()}"
    client.monitor([address], [], take, connect_s)
    ping = MsgRequest.create(None, op_t.cmd, broadcast_key, "ping", address)
    try:
        client.link.send_request(ping, expect_reply=False, timeout_s=wait_s).wait(wait_s)
    except ReplyTimeout:
        pass  # the replies came elsewhere, since there are many
    except NoRoute:
        return []
    return sorted(found.values(), key=lambda service: service.name)


def _endpoints(pending: Any, wait_s: float) -> list[dict[str, Any]] | None:
    try:
        reply = pending.wait(wait_s)
    except DriplineError:
        return None  # it ended meanwhile, or is at work
    payload = reply.plain_payload
    listed = payload.get("endpoints") if reply.return_code == 0 and isinstance(payload, dict) else None
    return listed if isinstance(listed, list) else None
