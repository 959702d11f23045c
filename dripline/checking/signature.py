"""Which arguments the constructors of a class take, all bases counted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

from dripline.core.endpoint import Endpoint

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

    Args:
        cls: any class.
    """
    found = list(constructors_of(cls))
    names = frozenset(name for constructor in found for name in constructor.named)
    read = frozenset(name for constructor in found for name in constructor.read)
    anything = any(constructor.is_silent or constructor.reads_all for constructor in found)
    return Accepted(names, _required(cls), read, anything)


def _required(cls: type) -> tuple[str, ...]:
    constructor = next(filter(None, map(Constructor.of, cls.__mro__)), None)
    if constructor is None:
        return ()
    return tuple(name for name, argument in constructor.named.items() if argument.default is argument.empty)


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Constructor:
    """The constructor that a class itself defines.

    Attributes:
        owner: the class.
        function: what is called, below its decorators.
        named: its arguments by name.
        hands_on: whether it takes further keywords.
        is_silent: whether it does not tell what it takes, as some written in C do.
        read: the texts in it, if it is a laboratory's and takes further keywords.
        reads_all: whether it probably takes its keywords as they come.
    """

    owner: type
    function: Any
    named: dict[str, inspect.Parameter]
    hands_on: bool
    is_silent: bool = False
    read: frozenset[str] = frozenset()
    reads_all: bool = False

    @classmethod
    def of(cls, owner: type) -> Constructor | None:
        """The constructor of a class; None when it has none of its own."""
        defined = vars(owner).get("__init__")
        if defined is None or owner is object:
            return None
        function = inspect.unwrap(defined)
        if not hasattr(function, "__code__"):
            return cls(owner, function, {}, hands_on=False, is_silent=True)
        parameters = list(inspect.signature(defined).parameters.values())[1:]
        named = {parameter.name: parameter for parameter in parameters if parameter.kind in _BY_NAME}
        hands_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not hands_on or is_ours(owner):
            return cls(owner, function, named, hands_on)
        texts, attributes = _constants(function)
        reads_all = not _READS_ALL.isdisjoint(attributes)
        return cls(owner, function, named, hands_on, read=frozenset(texts), reads_all=reads_all)


def constructors_of(cls: type) -> Iterator[Constructor]:
    """The constructors that keywords of a class can reach, the most derived first.

    One with `**kwargs` hands on what it does not name, to all bases of its class: packages call them one after the
    other with the same keywords. One without ends the search there.
    """
    reached = {cls}
    for base in cls.__mro__:
        if base not in reached or _is_machinery(base, cls):
            continue
        constructor = Constructor.of(base)
        if constructor is not None:
            yield constructor
        if constructor is None or constructor.hands_on:
            reached.update(base.__bases__)


def _is_machinery(base: type, cls: type) -> bool:
    """Whether a service calls the constructor of this base itself, and hands nothing on to it."""
    return (
        base.__module__.startswith("dripline.core.")
        and issubclass(cls, Endpoint)
        and not issubclass(base, Endpoint)
    )


def is_ours(cls: type) -> bool:
    """Whether a class belongs to dripline itself, not to an extension."""
    module = cls.__module__
    return module.startswith("dripline.") and not module.startswith("dripline.extensions")


def _constants(function: Any) -> tuple[set[str], set[str]]:
    """All texts in a function's code, and all names of attributes and globals it uses."""
    texts: set[str] = set()
    attributes: set[str] = set()
    waiting: list[Any] = [function.__code__]
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
