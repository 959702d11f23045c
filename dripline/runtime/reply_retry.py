"""Replies that came back unroutable get another try.

Some clients declare their reply queue a moment after they publish the request, so a fast service is too early.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from dripline.amqp.content import Returned
from dripline.errors import BrokerError
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope
from dripline.wire.enums import msg_t

logger = logging.getLogger("dripline.service")

_DELAYS_S = (0.05, 0.2)
_REMEMBERED = 1000


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
        if not _is_reply(returned):
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


def _is_reply(returned: Returned) -> bool:
    headers = returned.properties.headers or {}
    return headers.get("message_type") == msg_t.reply.value


def _publish(connection: Connection, returned: Returned) -> None:
    envelope = Envelope(returned.routing_key, returned.properties.raw, returned.body)
    try:
        connection.publish(returned.exchange, [envelope])
    except BrokerError as error:
        logger.debug("a reply could not be sent again: %s", error)
