"""Durations in messages: rounded to what a person reads."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Write a duration with its unit, such as `10 s`, `2.5 s` or `0.05 s`.

    Args:
        seconds: The duration; a remaining time such as 0.999187 is rounded.
    """
    if not math.isfinite(seconds):
        return f"{seconds:g} s"
    digits = 1 if abs(seconds) >= 0.995 else 1 - math.floor(math.log10(abs(seconds))) if seconds else 0
    text = f"{seconds:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} s"
