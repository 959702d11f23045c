"""`Receiver`: waits for the reply to a sent request."""

from __future__ import annotations

import logging
import math
from typing import ClassVar

import scarab
from dripline.core._access import Reach
from dripline.errors import ConnectionLost, DriplineError, MalformedReply, NoRoute, ReplyTimeout
from dripline.runtime.liveness import Pending
from dripline.runtime.pending_replies import SentMessagePackage
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.return_codes import name_of

logger = logging.getLogger("dripline.service")


class _Cancelled(DriplineError):
    """The receiver was told to stop."""


class Receiver(scarab.Cancelable):
    """Waits for replies, for scripts and services that send their requests themselves.

    ::

        sent = service.send(MsgRequest.create({}, op_t.get, "peaches"))
        reply = Receiver().wait_for_reply(sent, 5000)

    Any thread may wait with it; to cancel it ends all its waits, also those to come.

    Attributes:
        single_message_wait_ms: kept for packages that set it.
    """

    _dripline_reach: ClassVar[Reach] = {}

    single_message_wait_ms: int = 1000

    def __init__(self) -> None:
        self.__waits: set[Pending] = set()

    def wait_for_reply(self, sent_msg_pkg: SentMessagePackage, timeout_ms: float | None = 0) -> MsgReply | None:
        """Wait for the reply to a request.

        Args:
            sent_msg_pkg: what `send` returned for the request.
            timeout_ms: how long to wait, in milliseconds; None, 0 and less wait as long as a reply can come.

        Returns:
            The reply, whatever its return code. None when there was none in time, and when the receiver was
            cancelled. When no reply can come, one that says so: 102 when nobody is bound for the routing key, 101
            when the connection is lost meanwhile; without limit also 404, when the service does not answer
            pings any more or has lost the request.

        Raises:
            DriplineError: the message was not sent, was no request, or was answered with something that is no
                reply.
        """
        pending = sent_msg_pkg.pending
        if pending is None:
            reason = sent_msg_pkg.send_error_message or "it was no request"
            raise DriplineError(f"there is no reply to wait for: {reason}")
        self.__waits.add(pending)
        try:
            if self.is_canceled():
                return None
            limit_s = float(timeout_ms or 0) / 1000
            return patient_reply(pending, limit_s if 0 < limit_s < math.inf else None)
        except ReplyTimeout as error:
            logger.warning("%s", error)
            return None
        except _Cancelled:
            return None
        finally:
            self.__waits.discard(pending)

    def do_cancellation(self, code: int) -> None:
        """End every wait."""
        for pending in list(self.__waits):
            pending.fail(_Cancelled("the receiver was cancelled"))


def patient_reply(pending: Pending, timeout_s: float | None, limit_s: float | None = None) -> MsgReply:
    """Wait for a reply, also without limit; if it cannot come any more, the reply says so.

    Args:
        pending: Where it will arrive.
        timeout_s: Longest wait, in seconds; None waits as long as a reply can come.
        limit_s: The limit that an error names, if a part of it has passed already.

    Raises:
        ReplyTimeout: No reply came in time.
    """
    try:
        return pending.wait(timeout_s, limit_s)
    except (NoRoute, MalformedReply) as error:
        return no_reply(pending.request, error.return_code, error.message)
    except ConnectionLost as error:
        return no_reply(pending.request, error.return_code, str(error))
    except ReplyTimeout as error:
        if timeout_s is not None:
            raise
        return no_reply(pending.request, error.return_code, error.message)


def no_reply(request: MsgRequest, return_code: int, text: str) -> MsgReply:
    """Make the reply that stands for one which cannot come, and tell the log."""
    logger.warning("%s [%d %s]", text, return_code, name_of(return_code))
    return request.reply(return_code, text)
