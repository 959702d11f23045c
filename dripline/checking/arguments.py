"""The arguments of a class with all that is known about them, through all bases."""

from __future__ import annotations

import inspect
import sys
import typing
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from dripline.checking.docstrings import argument_docs
from dripline.checking.signature import Constructor, accepted_arguments, constructors_of

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
