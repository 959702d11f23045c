"""Durations in messages."""

from __future__ import annotations

import pytest

from dripline.wire.safe_text import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.999187, "1 s"),
        (10, "10 s"),
        (9.96, "10 s"),
        (2.5, "2.5 s"),
        (30.0004, "30 s"),
        (0.05, "0.05 s"),
        (0.0123, "0.012 s"),
        (1e-6, "0.000001 s"),
        (0, "0 s"),
        (100_000, "100000 s"),
    ],
)
def test_a_remaining_time_is_rounded(seconds, text):
    """No exponents, no digits that nobody reads."""
    assert duration(seconds) == text
