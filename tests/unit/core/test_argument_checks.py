"""Checks that a constructor does itself."""

from __future__ import annotations

import pytest

from dripline.core.argument_checks import Checks, Doubtful, check_arguments
from dripline.errors import ConfigurationError


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError(f"is above 0, not {value}")
    if value > 1000:
        raise Doubtful("is much")


_CHECKS: Checks = {"rate": _positive}


def test_what_is_wrong_names_object_and_argument():
    """A TypeError of the check too."""
    with pytest.raises(ConfigurationError, match=r"^rate of pump: is above 0, not -1$"):
        check_arguments("pump", _CHECKS, rate=-1)
    with pytest.raises(ConfigurationError, match=r"^rate of pump: "):
        check_arguments("pump", _CHECKS, rate="fast")


def test_what_is_doubtful_or_without_a_check_is_accepted():
    """Only `dl check` speaks of it."""
    check_arguments("pump", _CHECKS, rate=5000, other="fast")
