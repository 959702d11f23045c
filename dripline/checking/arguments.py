"""Constructor arguments of a class and its bases: signatures, annotations, documentation."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType, SimpleNamespace
from typing import Any

from dripline.core import settings
from dripline.core.endpoint import Endpoint
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
def arguments_of(cls: type) -> tuple[Argument, ...]:
    """Collect the arguments of a class, those of the most derived constructor first."""
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


@cache
def wanted_types(cls: type) -> dict[str, Any]:
    """Collect the types by which quoted numbers and booleans of a configuration are read, by argument.

    The first constructor with an annotation, or a default that is a number, a boolean or a text, decides.
    A `Setting` or a check for time spans accepts maps such as ``{minutes: 5}`` as well.
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
    """Collect the names of the arguments of a class."""
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


_SECTION = re.compile(r"(Args|Arguments|Parameters|Keyword Args):\s*$")
_ATTRIBUTES = re.compile(r"Attributes:\s*$")
_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")


def summary(thing: object) -> str:
    """The first paragraph of a docstring of its own, in one line; empty when there is none."""
    text = _own_docstring(thing)
    return " ".join(text.split("\n\n", 1)[0].split())


@cache
def argument_docs(cls: type) -> dict[str, str]:
    """What the docstrings of a class itself and its constructor say about arguments: a line by name."""
    docs: dict[str, str] = {}
    for thing in (vars(cls).get("__init__"), cls):
        docs.update(_entries(_own_docstring(thing).splitlines(), _SECTION))
    return docs


def attribute_docs(cls: type) -> dict[str, str]:
    """What the docstring of a class says about its attributes, by name."""
    return _entries(_own_docstring(cls).splitlines(), _ATTRIBUTES)


def _own_docstring(thing: object) -> str:
    text = getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _entries(lines: Iterable[str], section: re.Pattern[str]) -> dict[str, str]:
    docs: dict[str, str] = {}
    name, indent, inside = "", 0, False
    for line in lines:
        words = line.strip()
        depth = len(line) - len(line.lstrip())
        if not words:
            continue
        if depth == 0:
            inside, name, indent = section.match(line) is not None, "", 0
        elif inside:
            indent = indent or depth
            entry = _ENTRY.match(words) if depth <= indent else None
            if entry:
                name = entry["name"]
                docs[name] = entry["text"]
            elif name:
                docs[name] = f"{docs[name]} {words}".strip()
    return docs
