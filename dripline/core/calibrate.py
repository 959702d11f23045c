"""`@calibrate`: adds the calibrated value to a raw value."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, overload

import scarab
from dripline.formula.readings import look_up, shortened
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import safe_text

logger = logging.getLogger("dripline.service")

_Get = Callable[..., Any]


class _Running(threading.local):
    """Whose decorated method is running on a thread."""

    endpoint: Any = None


_running = _Running()

# Marks a decorated method.
_FUNCTIONS = "_dripline_functions"


@overload
def calibrate(cal_functions: _Get) -> _Get: ...


@overload
def calibrate(
    cal_functions: Iterable[Callable[..., Any]] | Mapping[str, Any] | None = None,
) -> Callable[[_Get], _Get]: ...


def calibrate(cal_functions: Any = None) -> Any:
    """Decorate `on_get`: its result becomes ``{"value_raw": r}``, with ``value_cal`` when there is a calibration.

    The calibration is the endpoint's: a text is a formula with a hole for the raw value (``2*{}``), a mapping a
    table of values. If the formula fails, or the table has no such value, the reply has the raw value only, and a
    warning. None stays None. The raw value of a list is its first element; a tuple is a list of values as a whole.

    Args:
        cal_functions: functions that the formulas may use: one, a list of them, or a mapping by name. The
            decorator may also be used without parentheses.

    Raises:
        ThrowReply: from the decorated method: 303 when a formula overflows.
    """
    if callable(cal_functions):
        return _bare_or_with_one(cal_functions)
    return _Calibration(cal_functions).decorate


def _bare_or_with_one(function: _Get) -> _Get:
    """Decorate a method, or make a decorator that knows one function: which of them, the first call tells."""
    calibrated = _Calibration(None).decorate(function)

    @functools.wraps(function)
    def either(first: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(first, FunctionType):
            return _Calibration([function]).decorate(first)
        return calibrated(first, *args, **kwargs)

    vars(either)[_FUNCTIONS] = frozenset()
    return either


def formula_functions(method: object) -> frozenset[str] | None:
    """The names of the functions that formulas of a decorated method may use; None when it is not decorated."""
    names: frozenset[str] | None = getattr(method, _FUNCTIONS, None)
    return names


class _Calibration:
    """What the endpoints share whose `on_get` was decorated at the same place."""

    def __init__(self, functions: Iterable[Callable[..., Any]] | Mapping[str, Any] | None) -> None:
        if not isinstance(functions, Mapping):
            functions = {function.__name__: function for function in functions or ()}
        self._functions = functions

    def decorate(self, method: _Get) -> _Get:
        @functools.wraps(method)
        def calibrated(endpoint: Any, *args: Any, **kwargs: Any) -> Any:
            # An `on_get` may call its base's, which calibrates too: warnings of that are not the reply's.
            outer, _running.endpoint = _running.endpoint, endpoint
            try:
                raw = method(endpoint, *args, **kwargs)
            finally:
                _running.endpoint = outer
            if isinstance(raw, scarab.Param):
                raw = raw.to_python()
            if isinstance(raw, list):
                raw = raw[0] if raw else None
            elif isinstance(raw, tuple):  # as in the reference, only a list stands for its first element
                raw = list(raw)
            return None if raw is None else self._payload(endpoint, raw, warn=outer is not endpoint)

        vars(calibrated)[_FUNCTIONS] = frozenset(self._functions)
        return calibrated

    def _payload(self, endpoint: Any, raw: Any, *, warn: bool) -> dict[str, Any]:
        calibration = getattr(endpoint, "_calibration", None)
        result = {"value_raw": raw}
        if calibration is None:
            return result
        try:
            if isinstance(calibration, Mapping):
                return {**result, "value_cal": look_up(calibration, raw)}
            value = self._evaluated(calibration, raw)
        except OverflowError as error:
            raise ThrowReply(
                "service_error_bad_payload", f"calibration {calibration!r} of {raw!r} overflows: {error}"
            ) from error
        except LookupError as error:
            warning = f"the calibration table has no entry for the raw value: {error.args[0]}"
        except ValueError as error:
            warning = f"calibration {calibration!r} could not be evaluated: {error}"
        else:
            return result if value is None else {**result, "value_cal": value}
        if warn:
            _warn(endpoint, calibration, warning)
        return result

    def _evaluated(self, calibration: Any, raw: Any) -> Any:
        if not isinstance(calibration, str):
            raise ValueError("a calibration is a formula in a text, or a table")
        value = self._evaluator.evaluate(self._template(calibration).filled(raw))
        to_list = getattr(value, "tolist", None)  # numpy's numbers and arrays, which JSON cannot hold
        value = value if to_list is None else to_list()
        if isinstance(value, complex):
            raise ValueError(f"the result for {shortened(raw)} is complex: {value}")
        return value

    @functools.cached_property
    def _evaluator(self) -> Any:
        from dripline.formula.evaluator import Evaluator  # most values need no formula

        return Evaluator(self._functions)

    @functools.cached_property
    def _template(self) -> Callable[[str], Any]:
        from dripline.formula.template import Template  # most values need no formula

        return functools.lru_cache(maxsize=10_000)(Template)


def _warn(endpoint: Any, calibration: Any, text: str) -> None:
    """Add a warning to the reply, and to the log unless this calibration has one there."""
    from dripline.runtime.dispatch import reply_warnings  # few values need one

    reply_warnings.leave(text)
    if vars(endpoint).get("_dripline_calibration_told") != calibration:
        endpoint._dripline_calibration_told = calibration
        logger.warning("%s: %s", getattr(endpoint, "name", "?"), safe_text(text))
