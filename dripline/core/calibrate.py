"""The decorator that makes of a raw value a reply payload with a calibrated value."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, overload

import scarab
from dripline.runtime import notes
from dripline.runtime.throw_reply import ThrowReply
from dripline.wire.safe_text import safe_text

logger = logging.getLogger(__name__)

_Get = Callable[..., Any]

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

    The calibration is the endpoint's: a text is a formula with a hole (``2*{}``), a mapping a table of values.
    None stays None. The raw value of a list is its first element; a tuple is a list of values as a whole.

    Args:
        cal_functions: functions that the formulas may use: one, a list of them, or a mapping by name. The
            decorator may also be used without parentheses.

    Raises:
        ThrowReply: from the decorated method: 304 when a table lacks the value, 303 when a formula overflows.
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
            raw = method(endpoint, *args, **kwargs)
            if isinstance(raw, scarab.Param):
                raw = raw.to_python()
            if isinstance(raw, list):
                raw = raw[0] if raw else None
            elif isinstance(raw, tuple):  # as in the reference, only a list stands for its first element
                raw = list(raw)
            return None if raw is None else self._payload(endpoint, raw)

        vars(calibrated)[_FUNCTIONS] = frozenset(self._functions)
        return calibrated

    def _payload(self, endpoint: Any, raw: Any) -> dict[str, Any]:
        calibration = getattr(endpoint, "_calibration", None)
        if calibration is None:
            return {"value_raw": raw}
        if isinstance(calibration, Mapping):
            return {"value_raw": raw, "value_cal": _looked_up(calibration, raw)}
        result = {"value_raw": raw}
        try:
            value = self._evaluated(calibration, raw)
        except OverflowError as error:
            raise ThrowReply(
                "service_error_bad_payload", f"calibration {calibration!r} of {raw!r} overflows: {error}"
            ) from error
        except ValueError as error:
            _tell(endpoint, calibration, str(error))
            return result
        if value is not None:
            result["value_cal"] = value
        return result

    def _evaluated(self, calibration: Any, raw: Any) -> Any:
        if not isinstance(calibration, str):
            raise ValueError("a calibration is a formula in a text, or a table")
        value = self._evaluator.evaluate(self._template(calibration).filled(raw))
        to_list = getattr(value, "tolist", None)  # numpy's numbers and arrays, which JSON cannot hold
        return value if to_list is None else to_list()

    @functools.cached_property
    def _evaluator(self) -> Any:
        from dripline.core.evaluator import Evaluator  # most values need no formula

        return Evaluator(self._functions)

    @functools.cached_property
    def _template(self) -> Callable[[str], Any]:
        from dripline.core.template import Template  # most values need no formula

        return functools.lru_cache(maxsize=10_000)(Template)


def _looked_up(table: Mapping[Any, Any], raw: Any) -> Any:
    # Keys of a configuration are text, also those that look like numbers.
    for word in (str(raw), str(raw).strip()):
        if word in table:
            return table[word]
        for key, value in table.items():
            if str(key) == word:
                return value
    raise ThrowReply("service_error_invalid_value", f"raw value <{raw!r}> not in cal dict")


def _tell(endpoint: Any, calibration: Any, reason: str) -> None:
    """Tell that a calibration failed: with each reply, and once in the log."""
    text = f"calibration {calibration!r} could not be evaluated: {reason}"
    notes.leave(text)
    if vars(endpoint).get("_dripline_calibration_told") != calibration:
        endpoint._dripline_calibration_told = calibration
        logger.warning("%s: %s", getattr(endpoint, "name", "?"), safe_text(text))
