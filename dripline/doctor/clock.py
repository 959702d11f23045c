"""Whether the clocks of the services agree with ours: timestamps of stored values depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from dripline.doctor.report import Notes
from dripline.doctor.requests import Answer

_LIMIT_S = 2.0


def tell_clocks(notes: Notes, answers: Sequence[Answer]) -> None:
    """Compare the times in replies with ours.

    Args:
        notes: where the findings go.
        answers: of services to pings.
    """
    offsets = {answer.name: offset for answer in answers if (offset := offset_of(answer)) is not None}
    if not offsets:
        return
    wrong = {name: offset for name, offset in offsets.items() if abs(offset) > _LIMIT_S}
    ours = len(offsets) > 1 and len(wrong) == len(offsets) and _agree(list(wrong.values()))
    for name, offset in wrong.items():
        direction = "ahead of" if offset > 0 else "behind"
        notes.warning(
            f"the clock of {name}{_host_of(name, answers)} is {abs(offset):.1f} s {direction} ours"
            + ("; those of all services are: probably ours is wrong" if ours else ""),
            f"timedatectl, here{'' if ours else ' and on its host'}",
            service=name,
            offset_s=round(offset, 3),
        )
    if not wrong:
        most = max(map(abs, offsets.values()))
        noun = "service" if len(offsets) == 1 else "services"
        notes.ok(
            f"{len(offsets)} {noun} within {most * 1000:.0f} ms of our clock",
            offsets_s={name: round(offset, 3) for name, offset in offsets.items()},
        )


def offset_of(answer: Answer) -> float | None:
    """How far a service's clock is ahead of ours, in seconds; None if its reply does not tell.

    Args:
        answer: to a ping.
    """
    sent = seconds_of(answer.reply.timestamp) if answer.reply is not None else None
    if sent is None:
        return None
    # The reply was made somewhere in between: nothing within that time is an offset.
    early, late = sent - answer.asked_at, sent - (answer.asked_at + answer.took_s)
    return late if late > 0 else min(early, 0.0)


def seconds_of(timestamp: str) -> float | None:
    """A time as messages carry it, in seconds of the epoch; None if it is none.

    Args:
        timestamp: RFC 3339, such as `2026-11-21T00:25:53.844333Z`.
    """
    try:
        time = datetime.fromisoformat(timestamp.strip().replace("Z", "+00:00"))
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _agree(offsets: Sequence[float]) -> bool:
    return max(offsets) - min(offsets) < _LIMIT_S


def _host_of(name: str, answers: Sequence[Answer]) -> str:
    reply = next((answer.reply for answer in answers if answer.name == name), None)
    host = reply.sender_info.get("hostname") if reply is not None else None
    return f" on {host}" if host else ""
