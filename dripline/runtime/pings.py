"""Pings that members send by themselves: what they and their replies contain. Monitors do not show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgRequest

_MARK = "self_check"
_AWAITED = "awaited"
_LONGEST = 255  # bytes of a routing key

#: Payload of a ping that a member sends to itself, to find out whether its bindings work.
PROBE = {_MARK: True}


class LifeSigns(NamedTuple):
    """What a service of ours replies to a ping of a client that waits for its replies.

    Attributes:
        address: Routing key of a queue that only this connection of the service has; messages to it do not wait
            behind the requests in the queue of the service.
        held: Those of the awaited requests that the service has received and not answered yet.
        is_full: Whether so many requests wait in the service that more may wait in its queue at the broker.
    """

    address: str
    held: list[str]
    is_full: bool

    def payload(self) -> dict[str, Any]:
        """The payload of the reply."""
        return {_MARK: True, **self._asdict()}


def is_automatic(message: Message) -> bool:
    """Whether a member sent this by itself: a ping, or the reply to one."""
    payload = message.plain_payload
    return isinstance(payload, dict) and payload.get(_MARK) is True


def liveness_ping(routing_key: str, awaited: Iterable[str]) -> MsgRequest:
    """Make a ping of a client that waits.

    Args:
        routing_key: Where it goes: the key of the awaited requests, or the address of the service.
        awaited: Correlation ids of the requests.
    """
    return MsgRequest.create({_MARK: True, _AWAITED: list(awaited)}, op_t.cmd, routing_key, "ping")


def awaited_by(ping: MsgRequest) -> list[str] | None:
    """Read which requests the sender of a ping waits for; None for all other pings."""
    payload = ping.plain_payload
    awaited = payload.get(_AWAITED) if isinstance(payload, dict) else None
    return [key for key in awaited if isinstance(key, str)] if isinstance(awaited, list) else None


def read_life_signs(reply: Message) -> LifeSigns | None:
    """Read the reply to a liveness ping; None if it is not one of ours."""
    payload = reply.plain_payload
    if not isinstance(payload, dict) or not is_automatic(reply):
        return None
    address, held, is_full = (payload.get(name) for name in LifeSigns._fields)
    if not isinstance(address, str) or not 0 < len(address.encode()) <= _LONGEST or not isinstance(held, list):
        return None
    return LifeSigns(address, [key for key in held if isinstance(key, str)], bool(is_full))
