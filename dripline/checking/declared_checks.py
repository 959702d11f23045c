"""What classes say themselves about the values of their arguments: `_dripline_checks`, and `Setting`s."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from dripline.checking.arguments import MISSING, Argument, arguments_of
from dripline.checking.signature import constructors_of, is_ours
from dripline.checking.value_types import UNKNOWN
from dripline.config.diagnostics import ERROR, Diagnostic, error, warning
from dripline.core.argument_checks import Check, Checks, Doubtful
from dripline.core.settings import Setting
from dripline.discovery.error_text import describe_failure
from dripline.wire.interrupts import is_for_program, text_of
from dripline.wire.throw_reply import ThrowReply


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
    """Apply a check to values; None if it accepts them.

    Args:
        name: of the argument; its text begins with it.
        check: from a class.
        *values: what it takes; what comes from the environment is `UNKNOWN`, and never wrong.
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
