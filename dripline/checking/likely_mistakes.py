"""Warnings about settings that are valid but probably not intended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dripline.config.diagnostics import Diagnostic, warning
from dripline.config.suggest import did_you_mean
from dripline.core.calibrate import formula_functions
from dripline.core.request_handler import RequestHandler
from dripline.core.settings import interval

_Key = tuple[str | int, ...]

#: Returns the text of a value as written in the file.
Written = Callable[[_Key], str]

# Anything may be a value in these, and words are as likely as booleans.
_ANY_VALUES = ("initial_value", "calibration", "set_value_map")
_OTHER_KEYS = frozenset({"log_interval", "max_interval", "get_on_set", "check_field", "alarm_limits"})
_YAML_BOOLEANS = ("on", "off", "yes", "no")
_FIELDS = ("value_cal", "value_raw")


def likely_mistakes(cls: type | None, configuration: Mapping[str, Any], written: Written) -> Iterable[Diagnostic]:
    """Find what is probably not meant; `cls` is None if the endpoint's class cannot be used."""
    suspicious = any(isinstance(configuration.get(key), (bool, list, dict)) for key in _ANY_VALUES)
    if not suspicious and configuration.get("module") and _OTHER_KEYS.isdisjoint(configuration):
        return ()  # as with ten thousand endpoints
    return _likely_mistakes(cls, configuration, written)


def _likely_mistakes(cls: type | None, configuration: Mapping[str, Any], written: Written) -> Iterator[Diagnostic]:
    for key in ("log_interval", "max_interval"):
        if _seconds(configuration.get(key)) < 0:
            text = f"{key!r} is negative, which is the same as 0; write a number of seconds, or remove it"
            yield warning(text, key)
    if not configuration.get("module"):
        text = "has no 'module', so it can be neither read nor set; add 'module: KeyValueStore' or another class"
        yield warning(text)
    elif cls is not None:
        yield from _missing_handlers(cls, configuration)
    yield from _fields(cls, configuration)
    for key in _ANY_VALUES:
        if key in configuration and (key == "initial_value" or not isinstance(configuration[key], bool)):
            for path in _booleans(configuration[key], (key,)):
                word = written(path)
                if word.lower() in _YAML_BOOLEANS:
                    meant = str(word.lower() in ("on", "yes")).lower()
                    text = f"YAML reads {word} as {meant}; put it in quotes ('{word}'), or write {meant}"
                    yield warning(text, *path)


def _missing_handlers(cls: type, configuration: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if getattr(cls, "on_get", None) is not RequestHandler.on_get:
        return
    text = f"does nothing here: class {cls.__name__!r} has no on_get that reads a value"
    if _seconds(configuration.get("log_interval")) > 0:
        yield warning(f"'log_interval' {text}", "log_interval")
    if configuration.get("get_on_set") is True:
        yield warning(f"'get_on_set' {text}", "get_on_set")


def _seconds(value: Any) -> float:
    """The length of an interval; 0 for a value that cannot be used, which is reported elsewhere."""
    try:
        return interval(value).total_seconds()
    except ValueError:
        return 0


def _fields(cls: type | None, configuration: Mapping[str, Any]) -> Iterator[Diagnostic]:
    limits = configuration.get("alarm_limits")
    given: dict[_Key, Any] = {
        ("check_field",): configuration.get("check_field"),
        ("alarm_limits", "field"): limits.get("field") if isinstance(limits, Mapping) else None,
    }
    for key, field in given.items():
        if not isinstance(field, str) or field in _FIELDS:
            continue
        hint = did_you_mean(field, _FIELDS)
        if hint or formula_functions(getattr(cls, "on_get", None)) is not None:
            known = hint or f"; its values have the fields {' and '.join(map(repr, _FIELDS))}"
            text = f"no value of this class has the field {field!r}, so 'value_raw' is compared{known}"
            yield warning(text, *key)


def _booleans(value: Any, path: _Key) -> Iterator[_Key]:
    """The paths of all booleans in a value."""
    if isinstance(value, bool):
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _booleans(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _booleans(item, (*path, index))
