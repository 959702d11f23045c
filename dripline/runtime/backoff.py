"""How long to wait between attempts."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first_s: float = 0.1, cap_s: float = 10.0, factor: float = 2.0) -> Iterator[float]:
    """Yield waiting times without end, doubling up to a cap.

    Each varies by a quarter, so that the members of a mesh do not all come back in the same moment.

    Args:
        first_s: The first delay, in seconds.
        cap_s: The longest one.
        factor: Growth from one to the next.
    """
    delay = first_s
    while True:
        yield delay * random.uniform(0.75, 1.25)
        delay = min(cap_s, delay * factor)
