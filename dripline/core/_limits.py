"""Alarm limits of a value, and status message alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, TypedDict

from dripline.config.suggest import known_map
from dripline.errors import ConfigurationError
from dripline.formula.readings import float_of
from dripline.wire.message import MsgAlert

#: How bad a value is, from good to bad.
LEVELS = ("ok", "warning", "critical")

_KEYS = ("warning", "critical", "hysteresis", "samples", "field")
_EXAMPLE = "{warning: {high: 300}, critical: {high: 320, low: 250}, hysteresis: 2, samples: 3}"


class BandMap(TypedDict, total=False):
    """A band as it is written in a configuration."""

    low: float
    high: float


class AlarmLimitsMap(TypedDict, total=False):
    """`alarm_limits` as they are written in a configuration."""

    warning: BandMap
    critical: BandMap
    hysteresis: float
    samples: int
    field: str


@dataclass(frozen=True)
class Band:
    """The values that are in order.

    Attributes:
        low: the lowest of them.
        high: the highest of them.
    """

    low: float = -inf
    high: float = inf

    def is_left_by(self, value: float, margin: float) -> bool:
        """Whether a value is outside, or not further inside than a margin."""
        return value > self.high - margin or value < self.low + margin

    def outside(self) -> str:
        """Where a value is that is outside, in words."""
        if self.low == -inf:
            return f"above {self.high:g}"
        return f"below {self.low:g}" if self.high == inf else f"outside of {self.low:g} to {self.high:g}"

    def inside(self) -> str:
        """Where a value is that is inside, in words."""
        if self.low == -inf:
            return f"below {self.high:g}"
        return f"above {self.low:g}" if self.high == inf else f"inside of {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class AlarmLimits:
    """When a value is worth a warning, and when it is critical.

    Attributes:
        bands: by level, ``warning`` and ``critical``.
        hysteresis: how far a value must come back inside before that counts, in the value's unit.
        samples: how many values in a row must say the same before that is told.
        field: which field of a payload is compared; ``value_raw`` when it is missing.
    """

    bands: Mapping[str, Band]
    hysteresis: float = 0.0
    samples: int = 1
    field: str = "value_cal"

    @classmethod
    def of(cls, configuration: Any) -> AlarmLimits:
        """Read limits as they stand in a configuration.

        Raises:
            ConfigurationError: with the key and what is wrong with it.
        """
        limits = known_map("alarm_limits", configuration, _KEYS, _EXAMPLE)
        bands = {level: _band(level, limits[level]) for level in LEVELS[1:] if level in limits}
        if not bands:
            raise ConfigurationError(
                f"alarm_limits has neither 'warning' nor 'critical'; write them such as {_EXAMPLE}"
            )
        samples = limits.get("samples", 1)
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
            raise ConfigurationError(f"alarm_limits: samples is a whole number of 1 or more, not {samples!r}")
        hysteresis = _number("hysteresis", limits.get("hysteresis", 0))
        if hysteresis < 0:
            raise ConfigurationError(f"alarm_limits: hysteresis is 0 or more, not {hysteresis!r}")
        for level, band in bands.items():
            if band.high - band.low <= 2 * hysteresis:
                raise ConfigurationError(
                    f"alarm_limits: {level}: no value is {hysteresis:g} {band.inside()}; "
                    "make the hysteresis smaller"
                )
        if {"warning", "critical"} <= bands.keys():
            _check_order(limits)
        return cls(bands, hysteresis, samples, str(limits.get("field", "value_cal")))


class Alarm:
    """Follows a value.

    Args:
        limits: of the value.

    Attributes:
        level: how the value is, one of `LEVELS`.
    """

    def __init__(self, limits: AlarmLimits) -> None:
        self.limits = limits
        self.level = "ok"
        self._said: list[int] = []

    def look(self, value: Any) -> bool:
        """Look at a value; what is no number says nothing.

        Returns:
            Whether the level is another now.
        """
        number = float_of(value)
        if number is None or isnan(number):
            return False
        now, said = LEVELS.index(self.level), self._level_of(number)
        if self._said and (said > now) != (self._said[0] > now):
            self._said = []
        self._said = [*self._said, said] if said != now else []
        if len(self._said) < self.limits.samples:
            return False
        # Of several values in a row that are worse (or better), the least so: all of them say at least that.
        self.level = LEVELS[min(self._said) if said > now else max(self._said)]
        self._said = []
        return True

    def describe(self, value: Any) -> str:
        """Say how a value is that `look` has just told to be otherwise, for people."""
        band, shown = self.limits.bands.get(self.level), str(value).strip()
        if band is None:
            return f"{shown} is within its limits again"
        number, limits = float_of(value), self.limits
        if number is None or band.is_left_by(number, 0):
            where = band.outside()
        elif band.is_left_by(number, limits.hysteresis):
            where = f"not yet {limits.hysteresis:g} {band.inside()}"
        else:  # better than the values before it, and not for long enough
            where = f"not yet {limits.samples} times {band.inside()}"
        return f"{shown} is {where}: {self.level}"

    def _level_of(self, value: float) -> int:
        for number in (2, 1):
            band = self.limits.bands.get(LEVELS[number])
            margin = self.limits.hysteresis if LEVELS.index(self.level) >= number else 0.0
            if band is not None and band.is_left_by(value, margin):
                return number
        return 0


def _band(level: str, limits: Any) -> Band:
    if not isinstance(limits, Mapping) or not limits or not set(limits) <= {"low", "high"}:
        raise ConfigurationError(f"alarm_limits: {level} is a map with 'low', 'high' or both, not {limits!r}")
    band = Band(**{key: _number(f"{level}: {key}", value) for key, value in limits.items()})
    if band.low == inf or band.high == -inf:
        raise ConfigurationError(f"alarm_limits: {level}: no value is {band.inside()}; use finite limits")
    if band.low > band.high:
        raise ConfigurationError(f"alarm_limits: {level}: low ({band.low}) is above high ({band.high})")
    return band


def _check_order(limits: Mapping[str, Any]) -> None:
    warning, critical = limits["warning"], limits["critical"]
    for side, sign in (("high", 1), ("low", -1)):
        if side in warning and side in critical and sign * critical[side] < sign * warning[side]:
            raise ConfigurationError(
                f"alarm_limits: critical: {side} ({critical[side]}) is reached before that of warning "
                f"({warning[side]}); exchange them"
            )


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or isnan(value):
        raise ConfigurationError(f"alarm_limits: {key} is a number, not {value!r}")
    return float(value)


#: How bad a change is, from good to bad. A notice says that something is as it should be again.
SEVERITIES = ("notice", "warning", "critical")


def status_message(name: str, severity: str, message: str) -> MsgAlert:
    """Make an alert for people and for what relays to them; its payload is the text, as everybody's is.

    Args:
        name: the service or endpoint whose status changed.
        severity: one of `SEVERITIES`.
        message: one sentence that says what happened.

    Raises:
        ValueError: there is no such severity.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"a severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
    return MsgAlert.create(message, f"status_message.{name}.{severity}")
