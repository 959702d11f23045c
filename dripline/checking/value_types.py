"""Checks a value against a type annotation; only certain mismatches are errors."""

from __future__ import annotations

import numbers
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, Union

from dripline.config.quoted import members

_SPANS = {"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}


class _Unknown:
    def __repr__(self) -> str:
        return "ENV{…}"


#: A value that is not known before the program runs; it fits every annotation.
UNKNOWN = _Unknown()


def fits(annotation: Any, value: Any) -> bool:
    """Tell whether a value may be given where an annotation stands.

    Args:
        annotation: a type, as `typing.get_type_hints` gives it; what is not understood fits everything.
        value: from a configuration: None, a bool, a number, a text, a list or a mapping.
    """
    if value is UNKNOWN:
        return True
    return any(_fits_member(member, value) for member in members(annotation))


def _fits_member(annotation: Any, value: Any) -> bool:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is None:
        return value is None
    if origin is None:
        return _fits_class(annotation, value) if isinstance(annotation, type) else True
    if origin is Literal:
        return any(value == member and isinstance(value, bool) == isinstance(member, bool) for member in inner)
    if not isinstance(origin, type) or not _fits_class(origin, value):
        return not isinstance(origin, type)
    if isinstance(value, dict) and issubclass(origin, abc.Mapping):
        return len(inner) < 2 or all(fits(inner[1], item) for item in value.values())
    if isinstance(value, list):
        return _fits_items(origin, inner, value)
    return not isinstance(value, str) or not inner or fits(inner[0], "") or fits(inner[-1], "")


def _fits_items(origin: type, inner: tuple[Any, ...], values: list[Any]) -> bool:
    if not inner or issubclass(origin, abc.Mapping):
        return True
    if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
        members = () if inner == ((),) else inner
        return len(members) == len(values) and all(map(fits, members, values))
    return all(fits(inner[0], value) for value in values)


def _fits_class(kind: type, value: Any) -> bool:
    check = _CHECKS.get(kind)
    if check is not None:
        return check(value)
    if issubclass(kind, Enum):
        return _fits_enum(kind, value)
    # Any other class: the constructor makes one of what it gets.
    return isinstance(value, dict) if typing.is_typeddict(kind) else True


def _fits_enum(kind: type[Enum], value: Any) -> bool:
    if any(value == member.value for member in kind):
        return True
    return isinstance(value, str) and value.lower() in {name.lower() for name in kind.__members__}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_CHECKS: Mapping[Any, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)),
    **dict.fromkeys((int, numbers.Integral), _is_whole),
    **dict.fromkeys((float, numbers.Number, numbers.Complex, numbers.Real, numbers.Rational), _is_number),
    complex: lambda value: _is_number(value) or isinstance(value, str),
    str: _is(str),
    timedelta: lambda value: _is_number(value) or (isinstance(value, dict) and value.keys() <= _SPANS),
    type(None): lambda value: value is None,
    **dict.fromkeys((list, tuple, set, frozenset, abc.Set, abc.MutableSequence), _is(list)),
    abc.Sequence: _is(list, str),
    **dict.fromkeys((abc.Iterable, abc.Collection, abc.Container), _is(list, str, dict)),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), _is(dict)),
}

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    **dict.fromkeys((int, numbers.Integral), "a whole number"),
    **dict.fromkeys((float, complex, numbers.Number, numbers.Real), "a number"),
    str: "a text",
    timedelta: "a time span (seconds, or a map such as {minutes: 5})",
    **dict.fromkeys((list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection), "a list"),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), "a mapping"),
    type(None): "null",
    None: "null",
}


def described(annotation: Any) -> str:
    """An annotation in words: `a whole number`, `a list of texts`, `one of 'a', 'b'`."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        words = dict.fromkeys(described(member) for member in inner if member is not type(None))
        return " or ".join(word for word in words if not (word == "a whole number" and "a number" in words))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin is typing.Annotated:
        return described(inner[0])
    if origin is tuple and inner and Ellipsis not in inner:
        return f"a list of {len(inner)}: " + ", ".join(map(described, inner))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(annotation.__members__)
    words_of_kind = _WORDS.get(origin or annotation)
    if words_of_kind is None:
        return getattr(annotation, "__name__", str(annotation))
    item = inner[-1] if origin and inner and inner[-1] is not Ellipsis else inner[0] if inner else Any
    return f"{words_of_kind} (of {described(item)})" if item in _WORDS else words_of_kind
