"""What became of a message that was sent."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from dripline.wire.message import Message, MsgReply, MsgRequest


class Pending(Protocol):
    """Where the reply to a request will arrive."""

    request: MsgRequest

    def wait(self, timeout_s: float | None = None, limit_s: float | None = None) -> MsgReply:
        """Wait for the reply; without a time limit as long as one can come. Errors name ``limit_s``."""

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""


class SentMessagePackage(NamedTuple):
    """What became of a message that was sent.

    Attributes:
        successful_send: whether it was given to the broker; for an alert, whether it was queued for that.
        send_error_message: why not, else empty.
        pending: where the reply to a request will arrive.
    """

    successful_send: bool
    send_error_message: str = ""
    pending: Pending | None = None


class Answered:
    """A reply that is there already.

    Args:
        request: the request.
        reply: its reply.
    """

    def __init__(self, request: MsgRequest, reply: MsgReply) -> None:
        self.request = request
        self._reply = reply

    def wait(self, timeout_s: float | None = None, limit_s: float | None = None) -> MsgReply:
        """Give the reply."""
        return self._reply

    def fail(self, error: Exception) -> None:
        """Do nothing: nobody waits."""


def thrown(message: Message) -> RuntimeError:
    """Make the error of a sender without connection, which shows what would have been sent."""
    return RuntimeError(f"Thrown {message.message_type.name}:\n{message}")
