"""Times short requests to services that are known already; compares their clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from dripline.doctor.report import FindingRecorder
from dripline.errors import BrokerError, DriplineError
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient

_AT_A_TIME = 16
_WINDOW = 200
_FIRST_ERROR = 100
_CLOCK_LIMIT_S = 2.0


@dataclass(frozen=True)
class TimedReply:
    """What became of a request.

    Attributes:
        name: of the service or endpoint.
        reply: The reply, if there was one.
        error: why nothing did.
        asked_at: when it was sent, in seconds of the clock of this machine.
        took_s: how long the reply took.
    """

    name: str
    reply: MsgReply | None
    error: DriplineError | None
    asked_at: float = 0.0
    took_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether a reply came that is no error."""
        return self.reply is not None and self.reply.return_code < _FIRST_ERROR

    @property
    def payload(self) -> Any:
        """The payload of the reply; None if there is none, or if it is an error."""
        return self.reply.plain_payload if self.reply is not None and self.is_good else None


def ping(name: str) -> MsgRequest:
    """The request that a service or endpoint answers if it is there."""
    return MsgRequest.create(None, op_t.cmd, name, "ping")


def get(name: str, specifier: str) -> MsgRequest:
    """The request for an attribute."""
    return MsgRequest.create(None, op_t.get, name, specifier)


def ask(client: MeshClient, request: MsgRequest, timeout_s: float) -> TimedReply:
    """Send one request.

    Raises:
        BrokerError: the connection is gone.
    """
    asked_at, start = time.time(), time.perf_counter()
    reply, error = _outcome(lambda: client.request(request, timeout_s))
    return TimedReply(request.routing_key, reply, error, asked_at, time.perf_counter() - start)


def ask_each(client: MeshClient, requests: Sequence[MsgRequest], timeout_s: float) -> list[TimedReply]:
    """Send requests to different services, several at a time, and measure the time of each."""
    if len(requests) == 1:
        return [ask(client, requests[0], timeout_s)]
    with ThreadPoolExecutor(_AT_A_TIME, "dripline-doctor") as threads:
        return list(threads.map(lambda request: ask(client, request, timeout_s), requests))


def ask_many(client: MeshClient, requests: Sequence[MsgRequest], timeout_s: float) -> list[TimedReply]:
    """Send any number of requests; those without a reply cost one wait together, not one each."""
    replies: list[TimedReply] = []
    for first in range(0, len(requests), _WINDOW):
        pending = [client.submit(request, timeout_s) for request in requests[first : first + _WINDOW]]
        deadline = time.monotonic() + timeout_s
        for one in pending:
            left_s = max(0.0, deadline - time.monotonic())
            reply, error = _outcome(partial(one.wait, left_s))
            replies.append(TimedReply(one.request.routing_key, reply, error))
    return replies


def _outcome(wait: Callable[[], MsgReply]) -> tuple[MsgReply | None, DriplineError | None]:
    try:
        return wait(), None
    except BrokerError:
        raise
    except DriplineError as error:
        return None, error


# -- clocks ----------------------------------------------------------------------------------------------------


def record_clocks(record: FindingRecorder, pings: Sequence[TimedReply]) -> None:
    """Compare the times in replies with ours.

    Args:
        record: where the findings go.
        pings: replies of services to pings.
    """
    offsets = {pinged.name: offset for pinged in pings if (offset := offset_of(pinged)) is not None}
    if not offsets:
        return
    wrong = {name: offset for name, offset in offsets.items() if abs(offset) > _CLOCK_LIMIT_S}
    ours = len(offsets) > 1 and len(wrong) == len(offsets) and _agree(list(wrong.values()))
    for name, offset in wrong.items():
        direction = "ahead of" if offset > 0 else "behind"
        record.warning(
            f"the clock of {name}{_host_of(name, pings)} is {abs(offset):.1f} s {direction} ours"
            + ("; those of all services are: probably ours is wrong" if ours else ""),
            f"timedatectl, here{'' if ours else ' and on its host'}",
            service=name,
            offset_s=round(offset, 3),
        )
    if not wrong:
        most = max(map(abs, offsets.values()))
        noun = "service" if len(offsets) == 1 else "services"
        record.ok(
            f"{len(offsets)} {noun} within {most * 1000:.0f} ms of our clock",
            offsets_s={name: round(offset, 3) for name, offset in offsets.items()},
        )


def offset_of(pinged: TimedReply) -> float | None:
    """How far a service's clock is ahead of ours, in seconds; None if its reply does not tell.

    Args:
        pinged: a reply to a ping.
    """
    sent = seconds_of(pinged.reply.timestamp) if pinged.reply is not None else None
    if sent is None:
        return None
    # The reply was made somewhere in between: nothing within that time is an offset.
    early, late = sent - pinged.asked_at, sent - (pinged.asked_at + pinged.took_s)
    return late if late > 0 else min(early, 0.0)


def seconds_of(timestamp: str) -> float | None:
    """A time as messages carry it, in seconds of the epoch; None if it is none.

    Args:
        timestamp: RFC 3339, such as `2026-11-21T00:25:53.844333Z`.
    """
    try:
        moment = datetime.fromisoformat(timestamp.strip().replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _agree(offsets: Sequence[float]) -> bool:
    return max(offsets) - min(offsets) < _CLOCK_LIMIT_S


def _host_of(name: str, pings: Sequence[TimedReply]) -> str:
    reply = next((pinged.reply for pinged in pings if pinged.name == name), None)
    host = reply.sender_info.get("hostname") if reply is not None else None
    return f" on {host}" if host else ""
