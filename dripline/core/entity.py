"""`Entity`: an endpoint with a value that is calibrated, and logged at intervals or if it has changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, ClassVar

import scarab
from dripline.core import settings
from dripline.core._access import Reach
from dripline.core._limits import Alarm, AlarmLimits, AlarmLimitsMap, status_message
from dripline.core.argument_checks import Checks, check_arguments
from dripline.core.core import OverridableProperty
from dripline.core.endpoint import Endpoint
from dripline.core.settings import Setting
from dripline.formula.readings import float_of, refuse_empty_table
from dripline.runtime.dispatch import reply_warnings
from dripline.runtime.outage import Outage
from dripline.runtime.rate_limited_log import Boundary
from dripline.wire.message import RAW_FIELDS, MsgAlert, value_of
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import safe_text

logger = logging.getLogger("dripline.service")

#: Seconds, a mapping of `timedelta`'s arguments, or a timedelta.
Interval = float | int | Mapping[str, float] | timedelta


def _can_log_on_set(log_on_set: Any, get_on_set: Any) -> None:
    if log_on_set and not get_on_set:
        raise ValueError("needs 'get_on_set: true'")


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
        """Return whether a value should be logged.

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
    """Return whether a value moved by more than is allowed; for other values than numbers, whether it differs."""
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


class Entity(Endpoint):
    """An endpoint whose value can be logged.

    Args:
        get_on_set: whether a set replies with the result of `on_get`.
        log_on_set: whether a set logs that result too; needs ``get_on_set``.
        log_routing_key_prefix: first word of the routing key of logged values.
        log_interval: how often to look at the value: seconds, a mapping of `timedelta`'s arguments, or a
            timedelta; 0 or less does not look.
        max_interval: longest time between two logged values, in seconds; 0 logs each time it looks.
        max_absolute_change: a change beyond this is logged, in the value's unit; 0 logs any change, infinity
            (``.inf``) none.
        max_fractional_change: a change beyond this fraction of the mean of old and new value is logged; 0 and
            infinity as above.
        check_field: which field of the payload is compared; ``value_raw`` when it is missing.
        calibration: a formula with a hole for the raw value, such as ``2*{}``, or a mapping from raw to calibrated
            values. The hole is a value: ``{}**2`` of -3 is 9.
        alarm_limits: when a value that is looked at is worth a warning or critical, such as
            ``{warning: {high: 300}, critical: {low: 250, high: 320}, hysteresis: 2, samples: 3}``.
        **kwargs: for `Endpoint`.
    """

    log_routing_key_prefix = Setting(settings.first_word, "First word of the routing key of logged values.")
    max_interval = Setting(settings.seconds, "Longest time between two logged values, in seconds.")
    max_absolute_change = Setting(settings.threshold, "A change beyond this is logged.")
    max_fractional_change = Setting(settings.threshold, "A change beyond this fraction of the mean is logged.")
    check_field = Setting(settings.text, "Which field of the payload is compared.")

    _dripline_sets: ClassVar[str] = "_Entity__condition"
    _dripline_reach: ClassVar[Reach] = {
        "get": {"alarm_status"},
        "set": {"get_on_set", "log_on_set", "log_interval", "log_routing_key_prefix", "max_interval"}
        | {"max_absolute_change", "max_fractional_change", "check_field", "_calibration"},
        "cmd": {"start_logging", "stop_logging", "scheduled_log", "log_a_value"},
        "own": {"_get_on_set", "_log_on_set", "_log_interval", "_log_action_id"},
    }
    _dripline_checks: ClassVar[Checks] = {
        "get_on_set": settings.switch,
        "log_interval": settings.interval,
        "log_on_set": settings.switch,
        ("log_on_set", "get_on_set"): _can_log_on_set,
        "alarm_limits": lambda limits: None if limits is None else AlarmLimits.of(limits),
    }

    def __init__(
        self,
        get_on_set: bool = False,
        log_on_set: bool = False,
        log_routing_key_prefix: str = "sensor_value",
        log_interval: Interval = 0,
        max_interval: float = 0,
        max_absolute_change: float = 0,
        max_fractional_change: float = 0,
        check_field: str = "value_cal",
        calibration: str | Mapping[Any, Any] | None = None,
        alarm_limits: AlarmLimitsMap | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        Endpoint.__init__(self, **kwargs)
        check_arguments(self.name, {"calibration": refuse_empty_table}, calibration=calibration)
        self._calibration = calibration
        self._log_action_id: int | None = None
        self._get_on_set = False
        self._log_on_set = False
        self.__condition = LogCondition()
        self.__alarm = Alarm(AlarmLimits.of(alarm_limits)) if alarm_limits is not None else None
        self.__outage = Outage(logger)
        self.__plain_on_set = self.on_set
        self.log_routing_key_prefix = log_routing_key_prefix
        self.log_interval = log_interval
        self.max_interval = max_interval
        self.max_absolute_change = max_absolute_change
        self.max_fractional_change = max_fractional_change
        self.check_field = check_field
        self.get_on_set = get_on_set
        self.log_on_set = log_on_set

    # -- settings --------------------------------------------------------------------------------------------

    @property
    def get_on_set(self) -> bool:
        """Whether a set replies with the result of `on_get`."""
        return self._get_on_set

    @get_on_set.setter
    def get_on_set(self, value: bool) -> None:
        wanted = settings.checked(self, "get_on_set", settings.switch, value)
        if self._log_on_set and not wanted:
            raise ThrowReply(
                "service_error_invalid_value", f"{self.name}: log_on_set needs get_on_set; turn it off first"
            )
        self._get_on_set = wanted
        # On the instance, so that a direct call of on_set, by another method of a lab's class, logs as well.
        self.on_set = self.__set_and_get if wanted else self.__plain_on_set  # type: ignore[method-assign]  # see above

    @property
    def log_on_set(self) -> bool:
        """Whether a set logs the value; needs `get_on_set`."""
        return self._log_on_set

    @log_on_set.setter
    def log_on_set(self, value: bool) -> None:
        wanted = settings.checked(self, "log_on_set", settings.switch, value)
        if wanted and not self._get_on_set:
            raise ThrowReply("service_error_invalid_value", f"{self.name}: log_on_set needs get_on_set")
        self._log_on_set = wanted

    @property
    def log_interval(self) -> timedelta:
        """How often to look at the value; zero does not look. A change takes effect at once."""
        return self._log_interval

    @log_interval.setter
    def log_interval(self, value: Interval) -> None:
        self._log_interval = settings.checked(self, "log_interval", settings.interval, value)
        if getattr(self, "_log_action_id", None) is not None:
            self.stop_logging()
            if self._log_interval > timedelta(0):
                self.start_logging()

    # -- logging ---------------------------------------------------------------------------------------------

    def start_logging(self) -> None:
        """Start to look at the value every `log_interval`.

        Raises:
            ValueError: there is no log interval.
            RuntimeError: the entity belongs to no service.
        """
        self.stop_logging()
        if self.log_interval <= timedelta(0):
            raise ValueError("unable to start logging when log_interval evaluates false")
        if self.service is None:
            raise RuntimeError(f"{self.name} belongs to no service, which is what logs")
        first = datetime.now() + self.service.execution_buffer * 3
        self._log_action_id = self.service.schedule(self.__log_in_turn, self.log_interval, first)

    def stop_logging(self) -> None:
        """Stop looking at the value."""
        if self._log_action_id is not None and self.service is not None:
            self.service.unschedule(self._log_action_id)
        self._log_action_id = None

    def scheduled_log(self) -> None:
        """Look at the value, and log it when it is due or has changed enough; None is no value."""
        payload = _plain(self.on_get())
        self.__look_at_limits(payload)
        if payload is not None and self.__condition.wants(
            checked_value(payload, self.check_field),
            self.max_interval,
            self.max_absolute_change,
            self.max_fractional_change,
        ):
            self.log_a_value(payload)

    def log_a_value(self, the_value: Any) -> None:
        """Publish a payload as this entity's value.

        Args:
            the_value: the payload, as `on_get` gives it.

        Raises:
            RuntimeError: the entity belongs to no service.
        """
        if self.service is None:
            raise RuntimeError(f"{self.name} belongs to no service, which is what logs")
        routing_key = f"{self.log_routing_key_prefix}.{self.name}"
        sent = self.service.send(MsgAlert.create(payload=the_value, routing_key=routing_key))
        if getattr(sent, "successful_send", True):  # else it is still to be logged
            self.__condition.logged(checked_value(_plain(the_value), self.check_field))

    @OverridableProperty
    def alarm_status(self) -> str | None:
        """How the value was when it was last looked at: ``ok``, ``warning``, ``critical``; None without limits."""
        return self.__alarm.level if self.__alarm is not None else None

    # -- inside ----------------------------------------------------------------------------------------------

    def __log_in_turn(self) -> None:
        assert self.service is not None, "only a service schedules this"
        outage, lock = self.__outage, self.service._dripline_lock_of(self)
        try:
            with Boundary(outage, "%s: cannot be logged", self.name, expected=(ThrowReply,)) as attempt, lock:
                self.scheduled_log()
            if attempt.error is None:
                outage.end("%s: can be logged again", self.name)
        finally:
            reply_warnings.restore(None)  # there is no reply that would carry them

    def __look_at_limits(self, payload: Any) -> None:
        """Tell when the value crosses a limit, and when it is back."""
        if self.__alarm is None or self.service is None:
            return
        value = checked_value(payload, self.__alarm.limits.field)
        if not self.__alarm.look(value):
            return
        level = self.__alarm.level
        severity = "notice" if level == "ok" else level
        message = f"{self.name}: {self.__alarm.describe(value)}"
        logger.log(logging.INFO if level == "ok" else logging.WARNING, "%s", safe_text(message))
        self.service.send(status_message(self.name, severity, message))

    def __set_and_get(self, *args: Any, **kwargs: Any) -> Any:
        self.__plain_on_set(*args, **kwargs)
        result = self.on_get()
        if self._log_on_set and result is not None:
            self.__look_at_limits(_plain(result))
            self.log_a_value(result)
        return result


def _plain(value: Any) -> Any:
    return value.to_python() if isinstance(value, scarab.Param) else value
