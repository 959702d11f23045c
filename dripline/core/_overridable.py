"""Attributes that are there to be looked at, and whose names stay free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class OverridableProperty(Generic[T]):
    """A property that a lab's class may hide: an attribute of the same name, set on `self`, is the lab's.

    With `property` that would be an AttributeError. Nothing of ours may read such an attribute itself.

    Args:
        read: gives the value.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.__doc__ = read.__doc__
        self._read = read

    @overload
    def __get__(self, instance: None, owner: type) -> OverridableProperty[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> OverridableProperty[T] | T:
        return self if instance is None else self._read(instance)
