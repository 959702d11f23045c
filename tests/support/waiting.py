"""Waiting for something that happens on another thread and that no event tells of."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


def eventually(true: Callable[[], object], timeout_s: float = 120.0) -> bool:
    """Tell whether something becomes true in time."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def failing(
    error: type[Exception] | tuple[type[Exception], ...], call: Callable[..., object], *arguments: object
) -> None:
    """Make a call that must fail; for threads, where a test cannot catch what is raised."""
    with pytest.raises(error):
        call(*arguments)
