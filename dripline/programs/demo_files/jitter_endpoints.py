"""Endpoints of the jitter package."""

import random
from typing import Any

from dripline.core import ThrowReply, calibrate
from dripline.implementations import KeyValueStore

__all__ = ["JitterEntity"]


class JitterEntity(KeyValueStore):
    """A stored number whose readings fluctuate, as those of a real sensor do.

    Args:
        jitter_fraction: Maximum offset of a reading, as a fraction of the stored value. With 0.1, readings
            differ from the stored value by up to 10 % in either direction.
        seed: Seed of the random number generator. The same seed produces the same readings. With None, the
            readings differ in each run.
        **kwargs: Arguments of :class:`~dripline.implementations.KeyValueStore`.
    """

    def __init__(self, jitter_fraction: float = 0.1, seed: int | None = None, **kwargs: Any) -> None:
        self.jitter_fraction = jitter_fraction
        self._random = random.Random(seed)
        KeyValueStore.__init__(self, **kwargs)

    @calibrate()
    def on_get(self) -> float:
        """Return the stored value with a random offset.

        Raises:
            ThrowReply: With ``service_error_invalid_value``, if the stored value is not a number.
        """
        try:
            largest_offset = abs(self._value * self.jitter_fraction)
        except TypeError:
            raise ThrowReply(
                "service_error_invalid_value", f"{self.name}: the stored value {self._value!r} is not a number"
            ) from None
        return self._value + self._random.uniform(-largest_offset, largest_offset)

    def update_seed(self, seed: int | None = None) -> None:
        """Restart the random number generator with a seed.

        Args:
            seed: Seed of the random number generator, as in the constructor.
        """
        self._random.seed(seed)
