"""One value of an instrument: noise, drift, ramps, limits, format."""

from __future__ import annotations

import math
import random
from typing import Any

from dripline.simulation.description import ValueDescription
from dripline.simulation.scpi import ScpiError

#: How SCPI writes that there is no number.
NOT_A_NUMBER = 9.91e37


class Quantity:
    """A value that settles, drifts and has noise.

    Args:
        description: of the value.
        chance: where its noise comes from.
        now: the time in seconds, on a clock that never goes back.
    """

    def __init__(self, description: ValueDescription, chance: random.Random, now: float) -> None:
        self.description = description
        self._chance = chance
        self._time = now
        self.reset()

    def reset(self) -> None:
        """Have the first value again, or what the formula says as if it had settled."""
        self.put(None if self.description.formula else self.description.initial)

    def put(self, value: Any) -> None:
        """Have a value at once."""
        self._target = self._level = value
        self._offset = 0.0

    def approach(self, value: Any) -> None:
        """Have a value as fast as it settles; what it drifted until now is over."""
        if not self.description.settling_s:
            self.put(value)
            return
        self._level, self._offset = self._level + self._offset, 0.0
        self._target = value

    def follow(self, value: Any) -> None:
        """Take what a formula says now."""
        if self.description.kind.is_number:
            self._target = self._within(value) if _is_number(value) else math.nan
        else:
            self._target = _is_number(value) and bool(value)

    def advance(self, now: float) -> None:
        """Let the time go on."""
        passed, self._time = now - self._time, now
        description = self.description
        if not description.kind.is_number or not _is_number(self._target):
            self._level = self._target
            return
        if not description.settling_s or not _is_number(self._level):
            self._level = self._target
        elif passed > 0:
            self._level += (self._target - self._level) * -math.expm1(-passed / description.settling_s)
        if passed > 0 and description.drift:
            self._offset += description.drift * passed
        if passed > 0 and description.random_walk:
            self._offset += self._chance.gauss(0, description.random_walk * math.sqrt(passed))
        if self._offset:
            self._offset = self._within(self._level + self._offset) - self._level

    def level(self) -> Any:
        """The value without noise."""
        if not self.description.kind.is_number:
            return self._level
        return self._as_kind(self._level + self._offset)

    def reading(self) -> Any:
        """The value as it is measured, with noise; it can be a bit beyond the limits, as with a real one."""
        if not self.description.noise:
            return self.level()
        return self._as_kind(self._level + self._offset + self._chance.gauss(0, self.description.noise))

    def written(self, value: Any) -> str:
        """A value of this quantity as an answer."""
        return self.description.format.format(value, unit=self.description.unit)

    def accepted(self, value: Any) -> Any:
        """A value, if it lies within the limits.

        Raises:
            ScpiError: it does not.
        """
        if self.description.is_beyond(value):
            raise ScpiError(-222, f"{self.description.name} {value:g}")
        return value

    def parsed(self, text: str) -> Any:
        """The value that the argument of a command stands for.

        Raises:
            ScpiError: it stands for none, or for one beyond the limits.
        """
        special = self.special(text)
        if special is not None:
            return special
        return self.accepted(self.description.kind.parse(text, self.description.unit))

    def special(self, text: str) -> Any:
        """What MINimum, MAXimum and DEFault mean; None for all else."""
        description = self.description
        if not description.kind.is_number:
            return None
        meanings = {"MIN": description.minimum, "MAX": description.maximum, "DEF": description.initial}
        longer = {"MINIMUM": "MIN", "MAXIMUM": "MAX", "DEFAULT": "DEF"}
        value = meanings.get(longer.get(text.upper(), text.upper()))
        return None if value is None else description.kind.convert(value)

    def _within(self, value: float) -> float:
        low, high = self.description.minimum, self.description.maximum
        value = value if low is None else max(value, low)
        return value if high is None else min(value, high)

    def _as_kind(self, value: Any) -> Any:
        return self.description.kind.convert(value if _is_number(value) else NOT_A_NUMBER)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
