"""Sends replies: one per request, retried if they cannot be routed.

Some clients declare their reply queue a moment after they publish the request, so a fast service is too early:
replies that come back unroutable get another try.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

from dripline.amqp.content import Delivery, Returned
from dripline.errors import BrokerError, DriplineError
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger
from dripline.runtime.worker import in_flight
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope
from dripline.wire.enums import msg_t
from dripline.wire.message import MsgReply
from dripline.wire.return_codes import DL_UnhandledException
from dripline.wire.safe_text import named_text_of

logger = logging.getLogger("dripline.service")

_DELAYS_S = (0.05, 0.2)
_REMEMBERED = 1000


class ReplySender:
    """Encodes replies and sends them, acknowledging the request in the same write.

    Args:
        name: Name of the service.
        pack: Makes a reply ready to be sent.
        publish: Sends that, and acknowledges the request in the same write.
    """

    def __init__(
        self,
        name: str,
        pack: Callable[[MsgReply], list[Envelope]],
        publish: Callable[[list[Envelope], Delivery | None], None],
    ) -> None:
        self._name = name
        self._pack = pack
        self._publish = publish
        self._limited_log = RateLimitedLogger(logger)

    def send(self, reply: MsgReply) -> str:
        """Send a reply, unless its request has been answered already.

        Returns:
            Why it was not sent; empty if it was.

        Raises:
            BrokerError: There is no connection just now.
            TimeoutError: The broker took no data.
        """
        if not reply.claim():
            return f"the request for this reply to {reply.routing_key!r} has been answered already"
        envelopes = self._encoded(reply)
        handled = in_flight()
        connection = handled.connection if handled is not None else None
        try:
            self._publish(envelopes, handled.take() if handled is not None else None)
        except (BrokerError, TimeoutError):
            reply.release()  # nothing was sent: it may be tried again
            raise
        except DriplineError:  # an address that is none
            if handled is not None:
                handled.connection = connection  # the worker acknowledges it
            raise
        return ""

    def _encoded(self, reply: MsgReply) -> list[Envelope]:
        """Encode a reply; if that fails, because a handler's result may raise anything, one that says so."""
        boundary = Boundary(self._limited_log, "%s: a reply could not be encoded", self._name)
        with boundary:
            return self._pack(reply)
        reply.return_code, reply.plain_payload = DL_UnhandledException.value, None
        error = boundary.error
        reply.return_message = f"the reply could not be encoded: {named_text_of(error) if error else ''}"
        return self._pack(reply)


class ReplyRetry:
    """Publishes returned replies again after 50 ms and after another 200 ms, then gives up."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, int] = OrderedDict()
        self._limited_log = RateLimitedLogger(logger)

    def returned(self, connection: Connection, returned: Returned) -> None:
        """Take a message that came back; called on the I/O thread.

        Args:
            connection: Where it came back, and is sent again.
            returned: The message. Only replies are sent again: a request for which nobody waits any longer must
                not be carried out now.
        """
        if (returned.properties.headers or {}).get("message_type") != msg_t.reply.value:
            self._limited_log.tell(
                "nobody on the mesh is bound", "nobody on the mesh is bound for %r", returned.routing_key
            )
            return
        message_id = returned.properties.message_id or ""
        tries = self._tries.pop(message_id, 0)
        if tries >= len(_DELAYS_S):
            self._limited_log.tell(
                "a reply could not be delivered",
                "a reply could not be delivered: nobody is bound for %r any longer", returned.routing_key,
            )  # fmt: skip
            return
        self._tries[message_id] = tries + 1
        if len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        connection.call_later(_DELAYS_S[tries], lambda: _publish(connection, returned))


def _publish(connection: Connection, returned: Returned) -> None:
    envelope = Envelope(returned.routing_key, returned.properties.raw, returned.body)
    try:
        connection.publish(returned.exchange, [envelope])
    except BrokerError as error:
        logger.debug("a reply could not be sent again: %s", error)
