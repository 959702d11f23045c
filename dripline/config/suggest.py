"""The nearest known name, for a message about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Known names that look like a name, best first.

    Args:
        name: what somebody wrote.
        known: what could have been meant.
        count: how many at most.
    """
    from difflib import get_close_matches  # only a mistake pays for this import

    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=count)]


def did_you_mean(name: str, known: Iterable[str], count: int = 1) -> str:
    """The end of a message about an unknown name.

    Args:
        name: what somebody wrote.
        known: what could have been meant.
        count: how many to offer at most.

    Returns:
        `"; did you mean 'calibration'?"`, or an empty text when nothing is near.
    """
    matches = nearest(name, known, count)
    if not matches:
        return ""
    return "; did you mean " + " or ".join(repr(match) for match in matches) + "?"
