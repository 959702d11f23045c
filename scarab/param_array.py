"""A list of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from scarab.convert import copied, plain_value
from scarab.param import Param
from scarab.reach import Reach


class ParamArray(Param):
    """A list of a payload.

    What is put in is copied, as in the reference; plain Python values are taken too.

    Args:
        content: what is put in at once, for example a list.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, content: Iterable[Any] | ParamArray = ()) -> None:
        self._items: list[Param] = [copied(item) for item in content]

    def is_null(self) -> bool:
        """Tell whether there is no value."""
        return False

    def is_array(self) -> bool:
        """Tell whether this is a list."""
        return True

    def as_array(self) -> ParamArray:
        """Take this for a list."""
        return self

    def to_python(self, underscore_keys: bool = False) -> list[Any]:
        """Make a list of plain Python values."""
        return [item.to_python(underscore_keys) for item in self._items]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Param:
        return self._items[index]

    def __setitem__(self, index: int, value: Any) -> None:
        self.assign(index, value)

    def __iter__(self) -> Iterator[Param]:
        return iter(self._items)

    def empty(self) -> bool:
        """Tell whether nothing is in it."""
        return not self._items

    def resize(self, size: int) -> None:
        """Cut it, or fill it with nulls, to a number of items."""
        del self._items[size:]
        self._items.extend(Param() for _ in range(size - len(self._items)))

    def assign(self, index: int, value: Any) -> None:
        """Put a value at an index that exists; IndexError otherwise."""
        self._items[index] = copied(value)

    def get_value(self, index: int, default: Any = None) -> Any:
        """Give the plain value at an index, read as the type of `default`; `default` if there is none."""
        return plain_value(self._items[index], default) if 0 <= index < len(self._items) else default

    def push_back(self, value: Any) -> None:
        """Put a value at the end."""
        self._items.append(copied(value))

    def push_front(self, value: Any) -> None:
        """Put a value at the front."""
        self._items.insert(0, copied(value))

    def append(self, array: ParamArray) -> None:
        """Put all items of another list at the end."""
        self._items.extend([copied(item) for item in array])

    def merge(self, array: ParamArray) -> None:
        """Put the items of another list in the place of those at the same index, joining what is nested."""
        for index, item in enumerate(array):
            if index == len(self._items):
                self._items.append(copied(item))
            else:
                self._items[index] = merged(self._items[index], item)

    def erase(self, index: int) -> None:
        """Take out the item at an index, if there is one."""
        if 0 <= index < len(self._items):
            del self._items[index]

    def remove(self, index: int) -> Param:
        """Take out the item at an index and give it; IndexError if there is none."""
        return self._items.pop(index)

    def clear(self) -> None:
        """Take everything out."""
        self._items.clear()


def merged(old: Param, new: Param) -> Param:
    """Join what is nested of two values of one kind; otherwise the new one wins."""
    if old.is_node() and new.is_node():
        old.as_node().merge(new.as_node())
    elif old.is_array() and new.is_array():
        old.as_array().merge(new.as_array())
    else:
        return copied(new)
    return old
