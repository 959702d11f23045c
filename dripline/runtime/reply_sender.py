"""The replies of a service: one for each request, whatever handlers, time limits and laboratories' code do."""

from __future__ import annotations

import logging

from dripline.errors import BrokerError
from dripline.runtime.boundary import Boundary
from dripline.runtime.in_flight import in_flight
from dripline.runtime.link import MeshLink
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.wire.codec import Envelope
from dripline.wire.message import MsgReply
from dripline.wire.safe_text import named_text_of

logger = logging.getLogger("dripline.service")


class ReplySender:
    """Encodes replies and sends them, acknowledging the request in the same write.

    Args:
        name: Name of the service.
        link: Where they are sent.
    """

    def __init__(self, name: str, link: MeshLink) -> None:
        self._name = name
        self._link = link
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
        handled = in_flight()
        delivery = handled.take() if handled is not None else None
        envelopes = self._encoded(reply)
        try:
            self._link.send_packed_reply(envelopes, delivery)
        except (BrokerError, TimeoutError):
            reply.release()  # nothing was sent: it may be tried again
            raise
        except Exception:  # an address that is none
            if delivery is not None:  # else it would count as unfinished for ever
                self._link.connection.ack(delivery)
            raise
        return ""

    def _encoded(self, reply: MsgReply) -> list[Envelope]:
        """Encode a reply; if that fails, because a handler's result may raise anything, one that says so."""
        boundary = Boundary(self._limited_log, "%s: a reply could not be encoded", self._name)
        with boundary:
            return self._link.pack_reply(reply)
        reply.return_code, reply.plain_payload = 999, None
        error = boundary.error
        reply.return_message = f"the reply could not be encoded: {named_text_of(error) if error else ''}"
        return self._link.pack_reply(reply)
