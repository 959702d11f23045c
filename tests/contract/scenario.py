"""Registry of differential scenarios."""

from __future__ import annotations

from collections.abc import Callable

from .stage import Stage

Scenario = Callable[[Stage], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Enter a function into the list that is run on both brokers."""
    assert function.__name__ not in SCENARIOS
    SCENARIOS[function.__name__] = function
    return function
