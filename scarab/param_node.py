"""A mapping of names to values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from scarab.convert import copied, plain_value, to_param
from scarab.param import Param
from scarab.param_array import merged
from scarab.reach import Reach


class ParamNode(Param):
    """A mapping of a payload, in the order of its names.

    What is put in is copied, as in the reference; plain Python values are taken too. Iterating gives the
    values, as in the reference; names come from `keys` and `items`.

    Args:
        content: what is put in at once, for example a dict.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, content: Mapping[str, Any] | ParamNode | None = None) -> None:
        self._items: dict[str, Param] = {}
        if content is not None:
            self.merge(to_param(content).as_node())

    def is_null(self) -> bool:
        """Tell whether there is no value."""
        return False

    def is_node(self) -> bool:
        """Tell whether this is a mapping."""
        return True

    def as_node(self) -> ParamNode:
        """Take this for a mapping."""
        return self

    def to_python(self, underscore_keys: bool = False) -> dict[str, Any]:
        """Make a dict of plain Python values.

        Args:
            underscore_keys: write `_` for `-` in the keys.
        """
        return {
            key.replace("-", "_") if underscore_keys else key: value.to_python(underscore_keys)
            for key, value in self.items()
        }

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __getitem__(self, key: str) -> Param:
        try:
            return self._items[key]
        except KeyError:
            raise KeyError(f"no item {key!r}; there are: {', '.join(self.keys()) or 'none'}") from None

    def __setitem__(self, key: str, value: Any) -> None:
        self.replace(key, value)

    def __iter__(self) -> Iterator[Param]:
        return iter([value for _, value in self.items()])

    def keys(self) -> list[str]:
        """Give the names in alphabetical order."""
        return sorted(self._items)

    def items(self) -> list[tuple[str, Param]]:
        """Give names and values in alphabetical order of the names."""
        return sorted(self._items.items(), key=lambda item: item[0])

    def empty(self) -> bool:
        """Tell whether nothing is in it."""
        return not self._items

    def has(self, key: str) -> bool:
        """Tell whether there is an item of that name."""
        return key in self._items

    def count(self, key: str) -> int:
        """Give the number of items of that name: 1 or 0."""
        return int(key in self._items)

    def add(self, key: str, value: Any) -> bool:
        """Put a value under a name that is not there yet.

        Returns:
            False when the name is there already; its value stays then.
        """
        if key in self._items:
            return False
        self._items[key] = copied(value)
        return True

    def replace(self, key: str, value: Any) -> None:
        """Put a value under a name, in the place of what may be there."""
        self._items[key] = copied(value)

    def get_value(self, key: str, default: Any = None) -> Any:
        """Give the plain value under a name, read as the type of `default`; `default` if there is none."""
        return plain_value(self._items[key], default) if key in self._items else default

    def merge(self, object: ParamNode) -> None:
        """Put in everything another mapping has; what is nested in both is joined, else the other wins."""
        for key, value in object.items():
            self._items[key] = merged(self._items[key], value) if key in self._items else copied(value)

    def erase(self, erase: str) -> None:
        """Take out the item of that name, if there is one."""
        self._items.pop(erase, None)

    def remove(self, name: str) -> Param:
        """Take out the item of that name and give it; KeyError if there is none."""
        value = self[name]
        del self._items[name]
        return value

    def clear(self) -> None:
        """Take everything out."""
        self._items.clear()
