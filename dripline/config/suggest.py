"""The nearest known name, for a message about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dripline.errors import ConfigurationError


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


def known_map(name: str, value: Any, known: Iterable[str], example: str) -> Mapping[str, Any]:
    """Take a map that has no unknown keys.

    Args:
        name: the key in the configuration that it stands under.
        value: what stands there.
        known: the keys that it may have.
        example: such a map, as it is written in YAML.

    Raises:
        ConfigurationError: it is no map, or has another key; the nearest one is named.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a map such as {example}, not {value!r}")
    known = tuple(known)
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), known) or f"; known: {', '.join(known)}"
            raise ConfigurationError(f"{name}: unknown key {key!r}{hint}")
    return value
