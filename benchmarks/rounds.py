"""Taking turns: what is compared runs side by side, round after round, and medians are compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class NotMeasured(Exception):
    """A measurement is not possible here; the text says what is missing."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work: What was measured.
        contender: Who did it.
        median: Median over the rounds, in ``unit``.
        unit: ``1/s`` (more is better), ``s`` or ``files`` (less is better).
        ratio: The median divided by the floor's median; 1.0 for the floor itself.
        against: Name of the floor.
    """

    work: str
    contender: str
    median: float
    unit: str
    ratio: float
    against: str


def take_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Let each contender run once a round, in turn, after one unmeasured run each.

    Args:
        contenders: Name -> a call that does the work and returns a rate or a time.
        rounds: How many rounds count.

    Returns:
        Name -> median over the rounds.
    """
    for run in contenders.values():
        run()
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            results[name].append(run())
    return {name: statistics.median(values) for name, values in results.items()}


def rows(work: str, unit: str, medians: Mapping[str, float], floor: str) -> list[Row]:
    """Lines of the table for one piece of work, each against the named floor."""
    return [Row(work, name, median, unit, median / medians[floor], floor) for name, median in medians.items()]
