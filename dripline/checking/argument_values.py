"""Checks the values of constructor arguments: annotations, settings, and the checks that classes declare.

What its `_dripline_checks` and its `Setting`s say comes first, then its annotations, then its defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from dripline.checking.arguments import MISSING, Argument, arguments_of, constructors_of, is_ours
from dripline.checking.value_types import UNKNOWN, described, fits
from dripline.config.diagnostics import ERROR, Diagnostic, error, warning
from dripline.config.overrides import read_number
from dripline.config.suggest import did_you_mean
from dripline.core.argument_checks import Check, Checks, Doubtful
from dripline.core.calibrate import formula_functions
from dripline.core.entity import Entity
from dripline.core.settings import Setting
from dripline.discovery.validation import describe_failure
from dripline.formula.readings import refuse_empty_table
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import is_for_program, text_of

# In arguments of ours without a check: they are seconds, for which no thread can wait longer, or sizes.
_LARGEST = 1e9
_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off", "0", "1", ""}


ValueCheck = Callable[[Any], Diagnostic | None]


@cache
def value_checks(cls: type) -> dict[str, ValueCheck]:
    """The checks of the values of a class's arguments, by name; arguments that may be anything have none."""
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


def _unlike(*kinds: type) -> Callable[[Any, Any], bool]:
    return lambda default, value: bool(default) and isinstance(value, kinds)


_DIFFERS: dict[type, Callable[[Any, Any], bool]] = {
    # False often stands for "not given", so any text may be meant; but not 'no', which would count as true.
    bool: lambda default, value: isinstance(value, str) and (default or value.lower() in _BOOLEAN_WORDS),
    **dict.fromkeys((int, float), lambda default, value: isinstance(value, (str, bool))),
    str: _unlike(bool, list, dict),
    **dict.fromkeys((list, tuple), _unlike(bool, int, float)),
    dict: _unlike(bool, int, float, str, list),
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


class JointCheck(NamedTuple):
    """A check of several arguments together.

    Attributes:
        arguments: those it takes.
        check: the check; the name of the first argument begins its text.
    """

    arguments: tuple[Argument, ...]
    check: Check

    def diagnose(self, configuration: Mapping[str, Any]) -> Diagnostic | None:
        """What is wrong with the values of a configuration; defaults stand for those that are not in it."""
        values = [configuration.get(argument.name, argument.default) for argument in self.arguments]
        return diagnose(self.arguments[0].name, self.check, *values)


@cache
def joint_checks(cls: type) -> tuple[JointCheck, ...]:
    """The checks of several arguments together that a class and its bases name."""
    arguments = {argument.name: argument for argument in arguments_of(cls)}
    found: dict[tuple[str, ...], JointCheck] = {}
    for kind in cls.__mro__:
        for names, check in _checks(kind).items():
            if isinstance(names, str) or names in found or not arguments.keys() >= set(names):
                continue
            taken = tuple(arguments[name] for name in names)
            if all(_declares(cls, kind, argument) and not argument.is_read_elsewhere for argument in taken):
                found[names] = JointCheck(taken, check)
    return tuple(found.values())


@cache
def required_by_checks(cls: type) -> tuple[str, ...]:
    """The arguments whose own check refuses their default: the class cannot be made without them."""
    outermost = next(constructors_of(cls), None)
    if outermost is None:
        return ()
    return tuple(
        argument.name
        for argument in arguments_of(cls)
        if argument.owner is outermost.owner
        and argument.default is not MISSING
        and _refuses_default(cls, argument)
    )


def _refuses_default(cls: type, argument: Argument) -> bool:
    check = None if argument.is_read_elsewhere else own_check(cls, argument)
    if isinstance(check, Setting):
        check = check.check if is_ours(argument.owner) else None  # a laboratory's may do without its default
    if check is None:
        return False
    found = diagnose(argument.name, check, argument.default)
    return found is not None and found.severity == ERROR


def own_check(cls: type, argument: Argument) -> Check | Setting[Any] | None:
    """What the class itself says about an argument: the most derived one that says anything."""
    for kind in cls.__mro__:
        if not _declares(cls, kind, argument):
            return None
        check: Check | None = _checks(kind).get(argument.name)
        if check is not None:
            return check
        attribute = vars(kind).get(argument.name)
        if attribute is not None:
            return attribute if isinstance(attribute, Setting) else None
    return None


def _checks(kind: type) -> Checks:
    checks = vars(kind).get("_dripline_checks")
    return checks if isinstance(checks, Mapping) else {}


def _declares(cls: type, kind: type, argument: Argument) -> bool:
    """Whether a class may speak about an argument.

    A laboratory's constructor that names an argument may make something else of it before its bases see it.
    """
    return is_ours(argument.owner) or cls.__mro__.index(kind) <= cls.__mro__.index(argument.owner)


def diagnose(name: str, check: Check, *values: Any) -> Diagnostic | None:
    """Apply a check to the values of arguments; None if it accepts them.

    The text begins with the name. Values from the environment are `UNKNOWN`, and never wrong.
    """
    try:
        check(*values)
    except (ValueError, TypeError, ArithmeticError, ThrowReply) as refusal:
        if any(map(_is_unsure, values)):
            return None
        text = text_of(refusal)
        report = warning if isinstance(refusal, Doubtful) else error
        return report(text if text.startswith(name) else f"{name!r} {text}")
    except BaseException as failure:  # a laboratory's check may raise anything
        if is_for_program(failure):
            raise
        return warning(f"{name!r} cannot be checked: {describe_failure(failure)}")
    return None


def _is_unsure(value: Any) -> bool:
    """Whether anything in a value comes from the environment."""
    if isinstance(value, dict):
        return any(map(_is_unsure, value.values()))
    return any(map(_is_unsure, value)) if isinstance(value, list) else value is UNKNOWN
