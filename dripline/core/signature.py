"""Which arguments the constructors of a class take, all bases counted."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

# A constructor that uses one of these probably takes its keywords as they come.
_READS_ALL = {"items", "keys", "values", "setattr", "__dict__"}


@dataclass(frozen=True)
class Accepted:
    """The arguments of a class.

    Attributes:
        names: every argument of the constructors that keywords can reach.
        required: those of the most derived constructor that have no default, in its order.
        read: text in the constructors of classes that are not ours: perhaps the name of a keyword that is read.
        anything: True when no keyword can be called wrong.
    """

    names: frozenset[str]
    required: tuple[str, ...]
    read: frozenset[str]
    anything: bool

    def takes(self, name: str) -> bool:
        """Whether a keyword may be given."""
        return self.anything or name in self.names or name in self.read


@cache
def accepted_arguments(cls: type) -> Accepted:
    """Collect the arguments of a class.

    A constructor with `**kwargs` hands on what it does not name, to all bases of its class: packages call them one
    after the other with the same keywords. One without ends the search there.

    Args:
        cls: any class.
    """
    names: set[str] = set()
    read: set[str] = set()
    anything = False
    waiting = [cls]
    while waiting:
        base = waiting.pop()
        constructor = _Constructor.of(base)
        if constructor is not None:
            names |= constructor.named.keys()
            anything = anything or constructor.silent
        if constructor is None or constructor.hands_on:
            waiting.extend(known for known in base.__bases__ if known is not object)
        if constructor is not None and constructor.hands_on and not is_ours(base):
            texts, attributes = _constants(constructor.function)
            read |= texts
            anything = anything or not _READS_ALL.isdisjoint(attributes)
    return Accepted(frozenset(names), _required(cls), frozenset(read), anything)


def _required(cls: type) -> tuple[str, ...]:
    constructor = next(filter(None, map(_Constructor.of, cls.__mro__)), None)
    return tuple(name for name, has_default in constructor.named.items() if not has_default) if constructor else ()


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class _Constructor:
    """The constructor that a class itself defines.

    Attributes:
        function: what is called.
        named: its arguments, and whether each has a default.
        hands_on: whether it takes further keywords.
        silent: whether it does not tell what it takes, as some written in C do.
    """

    function: Any
    named: dict[str, bool]
    hands_on: bool
    silent: bool = False

    @classmethod
    def of(cls, owner: type) -> _Constructor | None:
        function = vars(owner).get("__init__")
        if function is None or owner is object:
            return None
        if not hasattr(inspect.unwrap(function), "__code__"):
            return cls(function, {}, hands_on=False, silent=True)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        named = {
            parameter.name: parameter.default is not parameter.empty
            for parameter in parameters
            if parameter.kind in _BY_NAME
        }
        return cls(function, named, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters))


def is_ours(cls: type) -> bool:
    """Whether a class belongs to dripline itself, not to an extension."""
    module = cls.__module__
    return module.startswith("dripline.") and not module.startswith("dripline.extensions")


def _constants(function: Any) -> tuple[set[str], set[str]]:
    """All texts in a function's code, and all names of attributes and globals it uses."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    texts: set[str] = set()
    attributes: set[str] = set()
    waiting: list[Any] = [code]
    while waiting:
        constant = waiting.pop()
        if isinstance(constant, str):
            texts.add(constant)
        elif isinstance(constant, (tuple, frozenset)):
            waiting.extend(constant)
        elif isinstance(constant, CodeType):
            attributes.update(constant.co_names)
            waiting.extend(constant.co_consts)
    return texts, attributes
