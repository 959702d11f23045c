"""Times as messages carry them."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_FRACTION = re.compile(r"\.(\d+)")


def read_time(text: str) -> datetime | None:
    """Read a time as RFC 3339 has it, such as ``2026-01-31T12:00:00.000001Z``; one without a zone is UTC.

    Returns:
        The time in UTC; None when the text is no time, or one that UTC has not.
    """
    if text[-1:] in ("Z", "z"):
        text = f"{text[:-1]}+00:00"
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:  # Python 3.10 wants three or six digits behind the second
            time = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text, count=1))
        except ValueError:
            return None
    try:
        return time.astimezone(timezone.utc) if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    except OverflowError:  # in the first or last hours that there are
        return None


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)
