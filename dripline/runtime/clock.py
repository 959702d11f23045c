"""The time as messages carry it."""

from __future__ import annotations

from datetime import datetime, timezone


def timestamp() -> str:
    """Return the time now in UTC as RFC 3339 with microseconds and ``Z``: ``2026-11-21T00:25:53.844333Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"
