"""The arguments of a class with all that is known about them, through all bases."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from dripline.checking.docstrings import argument_docs
from dripline.checking.signature import Constructor, accepted_arguments, constructors_of
from dripline.core import settings
from dripline.core.settings import Setting

#: Stands for a default or an annotation that there is not.
MISSING: Any = inspect.Parameter.empty

# What a program hands over, and no configuration holds.
_NOT_IN_FILES = {"authentication_obj"}


@dataclass(frozen=True)
class Argument:
    """An argument of a class.

    Attributes:
        name: the key in a configuration.
        required: whether it must be given.
        default: its default, `MISSING` when it has none.
        annotation: its type, `MISSING` when it has none or nobody can tell what it means.
        doc: what the docstrings say about it, in one line.
        owner: the class whose constructor names it.
        is_read_elsewhere: whether a more derived constructor perhaps reads it from its keywords, and may make
            something else of it.
    """

    name: str
    required: bool
    default: Any
    annotation: Any
    doc: str
    owner: type
    is_read_elsewhere: bool = False


@cache
def _arguments_of(cls: type) -> tuple[Argument, ...]:
    required = set(accepted_arguments(cls).required)
    docs: dict[str, str] = {}
    found: dict[str, Argument] = {}
    read: set[str] = set()
    constructors = list(constructors_of(cls))
    for base in cls.__mro__:
        for name, doc in argument_docs(base).items():
            docs.setdefault(name, doc)
    for constructor in constructors:
        for name, parameter in constructor.named.items():
            if name in found or name in _NOT_IN_FILES:
                continue
            # Every endpoint is given a name, by its configuration or by a laboratory's class itself.
            is_name = name == "name" and parameter.default is MISSING and name not in read
            found[name] = Argument(
                name, is_name or name in required, parameter.default, _annotation(constructor, parameter),
                docs.get(name, ""), constructor.owner, name in read,
            )  # fmt: skip
        read |= constructor.read
    return tuple(found.values())


def arguments_of(cls: type) -> list[Argument]:
    """Collect the arguments of a class, those of the most derived constructor first.

    Args:
        cls: any class.
    """
    return list(_arguments_of(cls))


@cache
def wanted_types(cls: type) -> dict[str, Any]:
    """Collect the types by which quoted numbers and booleans of a configuration are read, by argument.

    The first constructor with an annotation, or a default that is a number, a boolean or a text, decides.
    A `Setting` or a check for time spans accepts maps such as ``{minutes: 5}`` as well.

    Args:
        cls: Any class.
    """
    found: dict[str, Any] = {}
    for constructor in constructors_of(cls):
        for name, parameter in constructor.named.items():
            if name in found or name in _NOT_IN_FILES:
                continue
            annotation = _annotation(constructor, parameter)
            if annotation in (MISSING, Any, object):
                annotation = _KIND_OF_DEFAULT.get(type(parameter.default), MISSING)
            if annotation is not MISSING:
                found[name] = annotation
    for name in found.keys() & set(_spans(cls)):
        found[name] = found[name] | Mapping[str, float]
    return found


# A text as default wants text; from None, lists and the like nothing can be told.
_KIND_OF_DEFAULT: dict[type, Any] = {bool: bool, int: float | int, float: float, str: str}


def _spans(cls: type) -> Iterator[str]:
    """The arguments that are time spans."""
    for kind in cls.__mro__:
        checks = vars(kind).get("_dripline_checks")
        named = dict(checks) if isinstance(checks, Mapping) else {}
        named.update((name, value.check) for name, value in vars(kind).items() if isinstance(value, Setting))
        yield from (name for name, check in named.items() if isinstance(name, str) and check in _SPAN_CHECKS)


_SPAN_CHECKS = (settings.interval, settings.seconds, settings.positive_seconds)


def _annotation(constructor: Constructor, parameter: inspect.Parameter) -> Any:
    if parameter.annotation is MISSING:
        return MISSING
    names = {**vars(sys.modules.get(constructor.owner.__module__, typing))}
    names.update(getattr(constructor.function, "__globals__", {}))
    holder: Any = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return typing.get_type_hints(holder, names, vars(constructor.owner))[parameter.name]
    except Exception:  # noqa: BLE001  # it names what exists for type checkers only, or is no type at all
        return MISSING
