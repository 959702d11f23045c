"""Quoted numbers and booleans where an argument expects a number or a boolean."""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from numbers import Complex, Integral, Number, Real
from typing import Any, Literal, NamedTuple, Union

_WHOLE = {int, Integral}
_NUMBERS = {*_WHOLE, float, Number, Complex, Real, timedelta}
_SCALARS = {bool, *_NUMBERS}
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection)
# Nothing else refuses text for sure: the constructor of any other class may read it.
_NO_TEXT = {*_SCALARS, None, type(None), *_MAPPINGS, list, tuple, set, frozenset}


class Conversion(NamedTuple):
    """A value that was converted.

    Attributes:
        path: Where it is, relative to the setting.
        given: What was written.
        value: What it was read as.
    """

    path: tuple[str | int, ...]
    given: str | bool
    value: bool | int | float

    def __str__(self) -> str:
        read = str(self.value).lower() if isinstance(self.value, bool) else repr(self.value)
        if isinstance(self.given, bool):
            return f"{str(self.given).lower()} is read as {read}; write {read}"
        return f"the text {self.given!r} is read as {read}; leave out the quotes"


def as_wanted(annotation: Any, value: Any) -> tuple[Any, list[Conversion]]:
    """Convert what a setting's type certainly does not accept as it is written.

    Args:
        annotation: The type, as `typing.get_type_hints` gives it; also of items of lists and mappings.
        value: From a configuration; it is not changed.

    Returns:
        The value, and what was converted in it.
    """
    found: list[Conversion] = []
    return _converted(annotation, value, (), found), found


def wants_number_or_boolean(annotation: Any) -> bool:
    """Whether a type accepts numbers or booleans, and certainly no text."""
    members = _members(annotation)
    return not _SCALARS.isdisjoint(members) and not any(map(_takes_text, members))


def _converted(annotation: Any, value: Any, path: tuple[str | int, ...], found: list[Conversion]) -> Any:
    if isinstance(value, (str, bool)):
        read = _scalar(_members(annotation), value)
        if read is not value:
            found.append(Conversion(path, value, read))
        return read
    if isinstance(value, dict):
        kinds = _item_types(annotation)
        return {
            key: _converted(kinds[key], item, (*path, key), found) if key in kinds else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _converted(kind, item, (*path, index), found)
            for index, (item, kind) in enumerate(zip(value, _list_types(annotation, len(value)), strict=True))
        ]
    return value


@lru_cache(maxsize=1000)
def _members(annotation: Any) -> tuple[Any, ...]:
    return tuple(members(annotation))


def members(annotation: Any) -> Iterator[Any]:
    """The types of which a value may be one: the members of a union, and what aliases stand for."""
    if isinstance(annotation, typing.NewType):
        yield from members(annotation.__supertype__)
    elif hasattr(annotation, "__value__"):  # an alias made with the type statement
        yield from members(annotation.__value__)
    elif typing.get_origin(annotation) is typing.Annotated:
        yield from members(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from members(member)
    else:
        yield annotation


def _takes_text(member: Any) -> bool:
    if typing.get_origin(member) is Literal:
        return any(isinstance(choice, str) for choice in typing.get_args(member))
    kind = typing.get_origin(member) or member
    return kind not in _NO_TEXT and not typing.is_typeddict(kind)


def _scalar(members: tuple[Any, ...], given: str | bool) -> Any:
    numbers = _NUMBERS.intersection(members)
    if _SCALARS.isdisjoint(members) or any(map(_takes_text, members)):
        return given
    off = 0 if bool not in members and numbers > _WHOLE.intersection(numbers) else given  # an interval of 0 is off
    if isinstance(given, bool):
        return given if given else off
    from dripline.config.yaml_nodes import plain_value  # PyYAML costs some 20 ms

    plain = plain_value(given.strip())
    if isinstance(plain, bool):
        return plain if bool in members else given if plain else off
    if not isinstance(plain, (int, float)):
        return given
    if not numbers:
        return bool(plain) if plain in (0, 1) else given
    if numbers <= _WHOLE and isinstance(plain, float):
        return int(plain) if plain.is_integer() else given
    return plain


def _item_types(annotation: Any) -> Mapping[str, Any]:
    for member in _members(annotation):
        if typing.is_typeddict(member):
            return typing.get_type_hints(member)
    for member in _members(annotation):
        inner = typing.get_args(member)
        if typing.get_origin(member) in _MAPPINGS and len(inner) == 2:
            return _Same(inner[1])
    return {}


class _Same(dict[str, Any]):
    """The same type for every key."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = kind

    def __contains__(self, _key: object) -> bool:
        return True

    def __missing__(self, _key: str) -> Any:
        return self._kind


def _list_types(annotation: Any, count: int) -> list[Any]:
    for member in _members(annotation):
        origin, inner = typing.get_origin(member), typing.get_args(member)
        if origin not in _LISTS or not inner:
            continue
        if origin is tuple and Ellipsis not in inner:
            return list(inner) if len(inner) == count else [Any] * count
        return [inner[0]] * count
    return [Any] * count
