"""The endpoints of the jitter package."""

import random
from typing import Any

from dripline.core import ThrowReply, calibrate
from dripline.implementations import KeyValueStore

__all__ = ["JitterEntity"]


class JitterEntity(KeyValueStore):
    """A stored number that comes back a little different each time, as a real sensor's reading would.

    Args:
        jitter_fraction: Largest offset of a reading, as a fraction of the stored value (0.1: up to 10 %
            to either side).
        seed: Start of the random numbers; the same seed gives the same readings. None: different each run.
        **kwargs: What a :class:`~dripline.implementations.KeyValueStore` takes.
    """

    def __init__(self, jitter_fraction: float = 0.1, seed: int | None = None, **kwargs: Any) -> None:
        self.jitter_fraction = jitter_fraction
        self._random = random.Random(seed)
        KeyValueStore.__init__(self, **kwargs)

    @calibrate()
    def on_get(self) -> float:
        """Return the stored value with a random offset.

        Raises:
            ThrowReply: With ``service_error_invalid_value`` when something else than a number is stored.
        """
        try:
            largest_offset = abs(self._value * self.jitter_fraction)
        except TypeError:
            raise ThrowReply(
                "service_error_invalid_value", f"{self.name} holds {self._value!r}, which is no number"
            ) from None
        return self._value + self._random.uniform(-largest_offset, largest_offset)

    def update_seed(self, seed: int | None = None) -> None:
        """Start the random numbers again from a seed.

        Args:
            seed: As for the constructor.
        """
        self._random.seed(seed)
