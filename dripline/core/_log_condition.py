"""When a value is worth logging."""

from __future__ import annotations

import time
from math import isfinite
from typing import Any

from dripline.formula.readings import float_of
from dripline.wire.message import RAW_FIELDS, value_of


class LogCondition:
    """Remembers what was logged last."""

    def __init__(self) -> None:
        self._value: Any = None
        self._when_s: float | None = None

    def logged(self, value: Any) -> None:
        """Remember a value that was logged just now."""
        self._value = value
        self._when_s = time.monotonic()

    def wants(self, value: Any, max_interval_s: float, max_absolute: float, max_fractional: float) -> bool:
        """Tell whether a value should be logged.

        Args:
            value: what was read.
            max_interval_s: longest time between two logged values.
            max_absolute: allowed change, in the value's unit.
            max_fractional: allowed change, as a fraction of the mean of old and new.
        """
        if self._when_s is None or time.monotonic() - self._when_s >= max_interval_s:
            return True
        return has_changed(self._value, value, max_absolute, max_fractional)


def has_changed(old: Any, new: Any, max_absolute: float, max_fractional: float) -> bool:
    """Tell whether a value moved by more than is allowed; what is no number, whether it is another."""
    before, now = float_of(old), float_of(new)
    if before is None or now is None:
        return bool(old != new) and repr(old) != repr(new)  # two NaN in lists differ, although nothing changed
    if not (isfinite(before) and isfinite(now)):  # a sensor that fails or recovers, whatever the limits are
        return str(before) != str(now)
    change = abs(now - before)
    return change > max_absolute or 2 * change > max_fractional * abs(now + before)


def checked_value(payload: Any, field: str) -> Any:
    """Return the field of a payload that is compared, or its raw value, or the payload itself."""
    return value_of(payload, (field, *RAW_FIELDS))
