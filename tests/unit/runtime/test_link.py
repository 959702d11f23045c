"""The time as messages carry it."""

import re
from datetime import datetime, timezone

from dripline.runtime import link


def test_timestamps_are_rfc_3339_in_utc_with_microseconds():
    """As real peers write them, six digits and a Z."""
    text = link.timestamp()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    then = datetime.fromisoformat(text[:-1] + "+00:00")
    assert abs((datetime.now(timezone.utc) - then).total_seconds()) < 5


def test_a_full_second_has_its_six_digits_too(monkeypatch):
    """Zero microseconds are written out."""

    class Fixed(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5, 0, tz)

    monkeypatch.setattr(link, "datetime", Fixed)
    assert link.timestamp() == "2026-01-02T03:04:05.000000Z"
