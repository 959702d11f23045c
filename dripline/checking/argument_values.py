"""Whether the values given to the arguments of a class can be right.

What its `_dripline_checks` and its `Setting`s say comes first, then its annotations, then its defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from dripline.checking.arguments import MISSING, Argument, arguments_of
from dripline.checking.declared_checks import diagnose, own_check
from dripline.checking.signature import is_ours
from dripline.checking.value_types import UNKNOWN, described, fits
from dripline.config.diagnostics import Diagnostic, error, warning
from dripline.config.overrides import read_number
from dripline.config.suggest import did_you_mean
from dripline.core.argument_checks import Check
from dripline.core.calibrate import formula_functions
from dripline.core.entity import Entity
from dripline.core.settings import Setting
from dripline.formula.readings import refuse_empty_table

# In arguments of ours without a check: they are seconds, for which no thread can wait longer, or sizes.
_LARGEST = 1e9
_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off", "0", "1", ""}


ValueCheck = Callable[[Any], Diagnostic | None]


@cache
def value_checks(cls: type) -> dict[str, ValueCheck]:
    """The checks of the values of a class's arguments, by name; arguments that may be anything have none.

    Args:
        cls: the class of an endpoint or service.
    """
    found = {argument.name: _check_of(cls, argument) for argument in arguments_of(cls)}
    return {name: check for name, check in found.items() if check is not None}


#: These have checks with better words.
CHECKED_ELSEWHERE = {"name", "endpoints", "dripline_mesh", "username", "password", "extensions"}


def _check_of(cls: type, argument: Argument) -> ValueCheck | None:
    if argument.is_read_elsewhere or argument.name in CHECKED_ELSEWHERE:
        return None
    own = own_check(cls, argument)
    if own is not None:
        return _by_check(argument, own)
    if argument.owner is Entity and argument.name == "calibration":
        return _of_calibration(cls, argument)
    if argument.annotation in (Any, object):
        return None
    if argument.annotation is not MISSING:
        return _by_annotation(argument)
    return None if argument.default in (MISSING, None) else _by_default(argument)


def _by_check(argument: Argument, own: Check | Setting[Any]) -> ValueCheck:
    name = argument.name
    if not isinstance(own, Setting):
        return lambda value: diagnose(name, own, value)
    setting = own.check
    # A laboratory's constructor that gives None by default makes something of it.
    may_be_none = argument.default is None and not is_ours(argument.owner)
    return lambda value: None if value is None and may_be_none else diagnose(name, setting, value)


def _of_calibration(cls: type, argument: Argument) -> ValueCheck:
    kind = _by_annotation(argument)
    functions = formula_functions(getattr(cls, "on_get", None))  # None: it evaluates in a way of its own

    @lru_cache(maxsize=10_000)
    def of_formula(text: str) -> Diagnostic | None:
        from dripline.formula import check as formulas  # few have a formula

        try:
            formulas.check_formula(text)
        except ValueError as failure:
            return error(f"the calibration {failure}")
        if functions is None:
            return None
        unknown = formulas.unknown_names(text, functions)
        if not unknown:
            difference = formulas.difference_from_reference(text)
            return warning(f"the calibration {difference}") if difference else None
        hint = did_you_mean(unknown[0], formulas.known_names() | functions)
        hint = hint or "; @calibrate([function]) brings one of your own"
        return warning(f"the calibration {text!r} uses {unknown[0]!r}, which formulas do not have{hint}")

    def of_value(value: Any) -> Diagnostic | None:
        if isinstance(value, str):
            return of_formula(value)
        return kind(value) or diagnose(argument.name, refuse_empty_table, value)

    return of_value


def _by_annotation(argument: Argument) -> ValueCheck:
    annotation, name = argument.annotation, argument.name
    is_limited = is_ours(argument.owner)

    def check(value: Any) -> Diagnostic | None:
        if is_limited and isinstance(value, float) and not abs(value) <= _LARGEST:
            return error(f"{name!r} must be a finite number of at most {_LARGEST:g}, not {value:g}")
        if fits(annotation, value) or (value is None and argument.default is None):
            return None
        wanted = described(annotation)
        if value is None:
            return warning(f"{name!r} is left empty (null), {wanted} is wanted")
        return error(f"{name!r} must be {wanted}, not {shown(value)}{_hint(annotation, value)}")

    return check


def _by_default(argument: Argument) -> ValueCheck | None:
    """Warn where a value is of quite another kind than the default; nobody said which kinds there are."""
    default, name = argument.default, argument.name
    differs = _DIFFERS.get(type(default))
    if differs is None:
        return None

    def check(value: Any) -> Diagnostic | None:
        if value is None or value is UNKNOWN or not differs(default, value):
            return None
        return warning(f"{name!r} is {shown(value)}, its default is {default!r}: is that meant?")

    return check


def _unlike_bool(default: bool, value: Any) -> bool:
    # False often stands for "not given", so any text may be meant; but not 'no', which would count as true.
    return isinstance(value, str) and (default or value.lower() in _BOOLEAN_WORDS)


def _unlike_number(default: float, value: Any) -> bool:
    return isinstance(value, (str, bool))


def _unlike_text(default: str, value: Any) -> bool:
    return bool(default) and isinstance(value, (bool, list, dict))


def _unlike_list(default: Any, value: Any) -> bool:
    return bool(default) and isinstance(value, (bool, int, float))


def _unlike_mapping(default: Any, value: Any) -> bool:
    return bool(default) and isinstance(value, (bool, int, float, str, list))


_DIFFERS: dict[type, Callable[[Any, Any], bool]] = {
    bool: _unlike_bool,
    int: _unlike_number,
    float: _unlike_number,
    str: _unlike_text,
    list: _unlike_list,
    tuple: _unlike_list,
    dict: _unlike_mapping,
}


def shown(value: Any) -> str:
    """A value as messages show it: as it is written in a file, and not at length."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _hint(annotation: Any, value: Any) -> str:
    if isinstance(value, str):
        number = read_number(value)
        meant = number if number is not None else {"true": True, "false": False}.get(value.lower())
        return "; leave out the quotes" if meant is not None and fits(annotation, meant) else ""
    may_be_text = not isinstance(value, (list, dict)) or value == [{}]  # [{}] without quotes
    return "; put it in quotes" if may_be_text and fits(annotation, "text") else ""
