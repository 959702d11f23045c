"""`MeshLink`: sends messages and receives replies over a connection that reconnects."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from dripline.amqp.content import Delivery, Returned
from dripline.amqp.properties import short_string
from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError, ConnectionLost, NoRoute
from dripline.runtime.alerts_exchange import AlertsExchange
from dripline.runtime.liveness import LivenessCheck, Outcome
from dripline.runtime.pending_replies import PING_SUFFIX, PendingReplies, PendingReply
from dripline.runtime.reconnecting_connection import ReconnectingConnection
from dripline.runtime.reply_sender import ReplyRetry
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Encoder, Envelope
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest
from dripline.wire.sender import sender_info

_PING_S = 1.0  # for a broker that takes no data: the next ping tries again


class MeshLink(ReconnectingConnection):
    """Sends messages, finds the replies, and lives through the loss of its connection.

    Args:
        mesh: The mesh's settings.
        username: Login name.
        password: Secret.
        service_name: Who this is, in `sender_info`; ``unknown`` for clients.

    Attributes:
        alerts: The exchange of alerts, which is declared by those who need it.
        pending_replies: Requests that somebody waits for.
    """

    def __init__(self, mesh: MeshSettings, username: str, password: str, service_name: str = "unknown") -> None:
        self.mesh = mesh
        self.service_name = service_name
        self.alerts = AlertsExchange(mesh)
        self._liveness = LivenessCheck(
            lambda ping, on_outcome: self.send_request(ping, timeout_s=_PING_S, on_outcome=on_outcome)
        )
        self.pending_replies = PendingReplies(self._doubt_replies, self._liveness)
        self._reply_retry = ReplyRetry()
        self._start_over()
        ReconnectingConnection.__init__(
            self,
            BrokerAddress.of(mesh, username, password),
            f"{service_name} (dripline)",
            mesh.max_connection_attempts,
            mesh.max_reconnect_delay_s,
        )
        self.renew_sender()

    def _start_over(self) -> None:
        self._replies: tuple[Connection | None, str] = (None, "")
        self._replies_bound_s = 0.0

    def after_fork(self) -> None:
        """Start over; replies that are under way are the parent's."""
        ReconnectingConnection.after_fork(self)
        self._start_over()
        self.alerts.start_over()
        self._liveness.start_over()
        self.pending_replies.on_other = None
        self.pending_replies.fail(ConnectionLost("this process was forked: the reply goes to its parent"))

    # -- life ------------------------------------------------------------------------------------------------

    def renew_sender(self) -> None:
        """Take versions that were added since into the messages that follow."""
        self._encoder = Encoder(sender_info(self.service_name), self.mesh.max_payload_size)

    def open_confirms(self, timeout_s: float) -> None:
        """Make everything ready for the first message with a confirm. Errors as for `add_setup`."""
        self.add_setup(self.prepare_alerts, once=True, timeout_s=timeout_s)

    def stop_listening(self, timeout_s: float = 30.0) -> None:
        """Take no more requests or alerts: requests sent from now on fail at once, because no queue takes them.

        Args:
            timeout_s: Maximum wait for the broker.
        """
        with contextlib.suppress(BrokerError):  # when the connection is lost, nothing comes either
            self.connection.cancel_consumers(timeout_s)

    def close(self, timeout_s: float | None = None, *, final: bool = False) -> None:
        """End the connection, as `ReconnectingConnection.close`; what waits for a reply gets `ConnectionLost`."""
        ReconnectingConnection.close(self, timeout_s, final=final)
        self._on_lost(ConnectionLost("the connection was closed"))

    # -- messages --------------------------------------------------------------------------------------------

    def send_request(
        self,
        request: MsgRequest,
        *,
        expect_reply: bool = True,
        timeout_s: float = 30.0,
        on_outcome: Outcome | None = None,
    ) -> PendingReply:
        """Send a request; its reply is waited for with the result's ``wait``.

        Args:
            request: The request; its ``reply_to`` is filled in.
            expect_reply: Whether a reply is wanted; without one only `NoRoute` can come.
            timeout_s: Longest wait for a broker that takes no data, in seconds.
            on_outcome: Makes this a ping, to which no reply without correlation id belongs. Called when its reply
                or an error has arrived, also on the I/O thread.

        Raises:
            ConnectionLost: There is no connection just now, or the broker did not answer in time.
            BrokerError: The broker takes no messages for now; this one must not lie about until it does.
            TimeoutError: The broker took no data.
        """
        deadline = time.monotonic() + timeout_s
        connection = self._taking_connection()
        if expect_reply:
            request.reply_to = self._reply_address(connection, timeout_s)
            request.reply_to += PING_SUFFIX if on_outcome is not None else ""
        pending = self.pending_replies.expect(request, on_outcome)
        try:
            envelopes = self._encoder.encode(request, timestamp())
            left_s = max(0.0, deadline - time.monotonic())
            connection.publish(self.mesh.requests_exchange, envelopes, timeout_s=left_s)
            if self.connection is not connection:
                raise ConnectionLost(f"the connection to the broker at {self.address} was lost")
        except BaseException:  # the payload's own code may raise anything
            self.pending_replies.forget(pending)
            raise
        return pending

    def send_probes(self, probes: Sequence[MsgRequest]) -> list[PendingReply]:
        """Send requests to this member itself, in a way that no refusal ends the connection.

        Args:
            probes: The requests; their ``reply_to`` is filled in.

        Returns:
            A wait for each; it ends with `NoRoute` if there is no exchange of requests.

        Raises:
            ConnectionLost: There is no connection just now, or the broker did not answer in time.
            BrokerError: The broker takes no messages for now.
        """
        connection = self._taking_connection()
        address = self._reply_queue(connection) + PING_SUFFIX
        sent, envelopes = [], []
        for probe in probes:
            probe.reply_to = address
            sent.append(self.pending_replies.expect(probe, lambda _: None))
            envelopes += self._encoder.encode(probe, timestamp())
        connection.catch_up()
        if not connection.publish_aside(self.mesh.requests_exchange, envelopes):
            for pending in sent:
                pending.fail(NoRoute(f"exchange {self.mesh.requests_exchange!r} takes no requests"))
        return sent

    def prepare_replies(self, connection: Connection) -> None:
        """Declare the reply queue, for set-ups that wait for replies themselves; a set-up."""
        if self._replies[0] is connection:
            return
        queue = connection.declare_queue()
        self._bind_replies(connection, queue)
        connection.consume(queue, self.pending_replies.deliver, no_ack=True)
        self._replies = connection, queue

    @property
    def reply_address(self) -> str:
        """Routing key of the queue that only the connection of this moment has; empty if there is none yet."""
        owner, queue = self._replies
        return queue if owner is not None and owner.is_open else ""

    def pack_reply(self, reply: MsgReply) -> list[Envelope]:
        """Make a reply ready to be sent; raises whatever its payload's own code does."""
        return self._encoder.encode(reply, timestamp())

    def send_packed_reply(self, envelopes: list[Envelope], ack: Delivery | None = None) -> None:
        """Send what `pack_reply` made, and acknowledge the request it answers in the same write.

        Raises:
            ConnectionLost: There is no connection just now.
            TimeoutError: The broker took no data.
        """
        self.connection.publish(self.mesh.requests_exchange, envelopes, ack=ack)

    def pack_alert(self, alert: MsgAlert) -> list[Envelope]:
        """Encode an alert, so that it can be sent later, or twice, with the current time and its message id.

        Raises:
            DriplineError: It cannot be sent to any broker.
        """
        short_string(alert.routing_key)
        return self._encoder.encode(alert, timestamp())

    def prepare_alerts(self, connection: Connection) -> None:
        """Do what has to be done on a connection before `send_packed`, which never waits then; a set-up."""
        connection.prepare_confirms()
        self.alerts.declare(connection)

    def send_packed(self, envelopes: Sequence[Envelope], timeout_s: float = 30.0) -> list[OneShotFuture[bool]]:
        """Send what `pack_alert` made, of one or more alerts. Result and errors as for `send_confirmed`.

        Args:
            envelopes: The envelopes.
            timeout_s: Maximum wait for room.
        """
        connection = self.connection
        if self.alerts.declared_on is not connection:
            self.alerts.declare(connection)
        return connection.publish_confirmed(self.mesh.alerts_exchange, envelopes, timeout_s=timeout_s)

    @property
    def takes_messages(self) -> bool:
        """Whether there is a connection on which all is in place, and its broker takes something."""
        try:
            return self.is_established and not self.connection.blocked
        except ConnectionLost:
            return False

    def bind_replies_again(self, connection: Connection) -> None:
        """Bind the reply queue again, if there is one, in case an operator removed that binding."""
        owner, queue = self._replies
        if owner is connection:
            exchange = self.mesh.requests_exchange
            connection.bind_aside([(queue, exchange, queue), (queue, exchange, queue + PING_SUFFIX)])

    def send_confirmed(self, message: MsgReply | MsgAlert, timeout_s: float = 30.0) -> list[OneShotFuture[bool]]:
        """Send a reply or an alert with publisher confirms; each chunk's confirm arrives in its slot.

        Raises:
            ConnectionLost: There is no connection just now.
            TimeoutError: The broker confirmed nothing for so long that no more may be sent.
        """
        if isinstance(message, MsgAlert):
            return self.send_packed(self.pack_alert(message), timeout_s)
        return self.connection.publish_confirmed(
            self.mesh.requests_exchange, self.pack_reply(message), mandatory=True, timeout_s=timeout_s
        )

    def restore_exchanges(self, connection: Connection) -> None:
        """Declare the exchanges of the mesh again."""
        connection.declare_exchanges([self.mesh.requests_exchange])
        self.alerts.restore(connection)

    # -- inside ----------------------------------------------------------------------------------------------

    def _prepare(self, connection: Connection) -> None:
        connection.declare_exchanges([self.mesh.requests_exchange, self.mesh.alerts_exchange])

    def _taking_connection(self) -> Connection:
        connection = self.connection
        if connection.blocked:
            raise BrokerError(f"the broker at {self.address} takes no messages for now: {connection.blocked}")
        return connection

    def _reply_queue(self, connection: Connection, timeout_s: float = 30.0) -> str:
        owner, queue = self._replies
        if owner is not connection:
            self.add_setup(self.prepare_replies, once=True, timeout_s=timeout_s)
            owner, queue = self._replies
            if owner is not connection:
                raise ConnectionLost(f"the connection to the broker at {self.address} was lost")
        return queue

    def _reply_address(self, connection: Connection, timeout_s: float = 30.0) -> str:
        deadline = time.monotonic() + timeout_s
        queue = self._reply_queue(connection, timeout_s)
        interval_s = self.mesh.self_check_interval_s
        if interval_s and time.monotonic() - self._replies_bound_s >= interval_s:
            left_s = max(0.0, deadline - time.monotonic())
            self._bind_replies(connection, queue, left_s)  # an operator may have removed the binding
        return queue

    def _bind_replies(self, connection: Connection, queue: str, timeout_s: float = 30.0) -> None:
        connection.bind(queue, self.mesh.requests_exchange, [queue, queue + PING_SUFFIX], timeout_s)
        self._replies_bound_s = time.monotonic()

    def _doubt_replies(self) -> None:
        """A reply did not arrive: the next request binds the reply queue again."""
        self._replies_bound_s = -math.inf

    def _on_lost(self, error: BrokerError) -> None:
        self.pending_replies.fail(ConnectionLost(*error.args))

    def _on_returned(self, connection: Connection, returned: Returned) -> None:
        # A ping of the self-check may come back while the connection is being closed: that is nothing to report.
        if not self.pending_replies.returned(returned) and self.is_open:
            self._reply_retry.returned(connection, returned)


def timestamp() -> str:
    """Return the time now in UTC as RFC 3339 with microseconds and ``Z``: ``2026-11-21T00:25:53.844333Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"
