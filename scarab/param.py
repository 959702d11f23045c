"""Payload values: `ParamValue`, `ParamArray`, `ParamNode`, and conversion from and to Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from scarab.cancelable import Reach
from scarab.layout import TYPE_NAMES, Scalar, scalar_of, scalar_text, to_text


class Param:
    """A value of a payload; `Param()` is null, `Param(value)` a copy of a `ParamValue`."""

    _dripline_reach: ClassVar[Reach] = {}

    def __new__(cls, *content: Any, **_: Any) -> Param:
        """Make a value of the kind that fits the content."""
        if cls is not Param or not content:
            return object.__new__(cls)
        return object.__new__(ParamValue)  # Python goes on with its constructor

    __hash__ = None  # type: ignore[assignment]  # values change, so they cannot be keys

    def is_null(self) -> bool:
        """Tell whether there is no value."""
        return not isinstance(self, (ParamValue, ParamArray, ParamNode))

    def is_value(self) -> bool:
        """Tell whether this is one bool, number or text."""
        return isinstance(self, ParamValue)

    def is_array(self) -> bool:
        """Tell whether this is a list."""
        return isinstance(self, ParamArray)

    def is_node(self) -> bool:
        """Tell whether this is a mapping."""
        return isinstance(self, ParamNode)

    def as_value(self) -> ParamValue:
        """Take this for one bool, number or text; TypeError if it is not."""
        if not isinstance(self, ParamValue):
            raise self._is_no("value")
        return self

    def as_array(self) -> ParamArray:
        """Take this for a list; TypeError if it is not."""
        if not isinstance(self, ParamArray):
            raise self._is_no("array")
        return self

    def as_node(self) -> ParamNode:
        """Take this for a mapping; TypeError if it is not."""
        if not isinstance(self, ParamNode):
            raise self._is_no("node")
        return self

    def to_python(self, underscore_keys: bool = False) -> Any:
        """Make plain Python of this and everything in it.

        Args:
            underscore_keys: write `_` for `-` in the keys of mappings.
        """
        return None

    def __call__(self) -> ParamValue:
        """Take this for one bool, number or text; TypeError if it is not."""
        return self.as_value()

    def __str__(self) -> str:
        return to_text(self.to_python())

    def __repr__(self) -> str:
        content = self.to_python()
        return f"{type(self).__name__}({'' if content is None else repr(content)})"

    def __eq__(self, other: object) -> bool:
        return bool(self.to_python() == (other.to_python() if isinstance(other, Param) else other))

    def _is_no(self, kind: str) -> TypeError:
        return TypeError(f"{self!r:.100} is no {kind}")


class ParamValue(Param):
    """One bool, number or text of a payload.

    Args:
        value: the value; other whole numbers than int, as numpy has, become int. Another `ParamValue` is copied.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, value: Scalar | ParamValue) -> None:
        self.set(value)

    def set(self, value: Scalar | ParamValue) -> None:
        """Put another value here.

        Raises:
            TypeError: it is neither bool, number nor text.
        """
        plain: Any = value._value if isinstance(value, ParamValue) else value
        self._value: Scalar = plain if type(plain) in TYPE_NAMES else scalar_of(plain)

    def to_python(self, underscore_keys: bool = False) -> Any:
        """Give the value as plain Python."""
        return self._value

    def type(self) -> str:
        """Name what is held: `bool`, `int`, `double` or `string`."""
        return TYPE_NAMES[type(self._value)]

    def is_bool(self) -> bool:
        """Tell whether a bool is held."""
        return isinstance(self._value, bool)

    def is_int(self) -> bool:
        """Tell whether a whole number is held."""
        return type(self._value) is int

    def is_uint(self) -> bool:
        """Tell whether a whole number that is not negative is held."""
        return type(self._value) is int and self._value >= 0

    def is_double(self) -> bool:
        """Tell whether a floating-point number is held."""
        return isinstance(self._value, float)

    def is_string(self) -> bool:
        """Tell whether text is held."""
        return isinstance(self._value, str)

    def as_bool(self) -> bool:
        """Read the value as a bool; ValueError for text that is neither true, false nor a number."""
        if not isinstance(self._value, str):
            return bool(self._value)
        word = self._value.strip().lower()
        return word == "true" if word in ("true", "false") else bool(float(word))

    def as_int(self) -> int:
        """Read the value as a whole number, cutting decimals off; ValueError for text that is no number."""
        if not isinstance(self._value, str):
            return int(self._value)
        try:
            return int(self._value)
        except ValueError:
            return int(float(self._value))

    def as_uint(self) -> int:
        """Read the value as a whole number that is not negative; ValueError if it cannot be one."""
        number = self.as_int()
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number

    def as_double(self) -> float:
        """Read the value as a floating-point number; ValueError for text that is no number."""
        return float(self._value)

    def as_string(self) -> str:
        """Read the value as text."""
        return scalar_text(self._value)


class ParamArray(Param):
    """A list of a payload.

    What is put in is copied, as in the reference; plain Python values are taken too.

    Args:
        content: what is put in at once, for example a list.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, content: Iterable[Any] | ParamArray = ()) -> None:
        self._items: list[Param] = [to_param(item) for item in content]

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
        self._items[index] = to_param(value)

    def get_value(self, index: int, default: Any = None) -> Any:
        """Give the plain value at an index, read as the type of `default`; `default` if there is none."""
        return _plain_value(self._items[index], default) if 0 <= index < len(self._items) else default

    def push_back(self, value: Any) -> None:
        """Put a value at the end."""
        self._items.append(to_param(value))

    def push_front(self, value: Any) -> None:
        """Put a value at the front."""
        self._items.insert(0, to_param(value))

    def append(self, array: ParamArray) -> None:
        """Put all items of another list at the end."""
        self._items.extend([to_param(item) for item in array])

    def merge(self, array: ParamArray) -> None:
        """Put the items of another list in the place of those at the same index, joining what is nested."""
        for index, item in enumerate(array):
            if index == len(self._items):
                self._items.append(to_param(item))
            else:
                self._items[index] = _merged(self._items[index], item)

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

    def to_python(self, underscore_keys: bool = False) -> dict[str, Any]:
        """Make a dict of plain Python values; with ``underscore_keys``, write `_` for `-` in the keys."""
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
        """Put a value under a name that is not there yet; returns False, changing nothing, if it is."""
        if key in self._items:
            return False
        self._items[key] = to_param(value)
        return True

    def replace(self, key: str, value: Any) -> None:
        """Put a value under a name, in the place of what may be there."""
        self._items[key] = to_param(value)

    def get_value(self, key: str, default: Any = None) -> Any:
        """Give the plain value under a name, read as the type of `default`; `default` if there is none."""
        return _plain_value(self._items[key], default) if key in self._items else default

    def merge(self, object: ParamNode) -> None:
        """Put in everything another mapping has; what is nested in both is joined, else the other wins."""
        for key, value in object.items():
            self._items[key] = _merged(self._items[key], value) if key in self._items else to_param(value)

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


def to_param(object: Any, hyphenate_keys: bool = False) -> Param:
    """Make a payload value of plain Python.

    Args:
        object: None, bool, number, text, lists and mappings of these, or a payload value, which is copied.
        hyphenate_keys: write `-` for `_` in the keys of mappings.

    Raises:
        TypeError: something else is in it, or a key is no text.
    """
    if object is None:
        return Param()
    if isinstance(object, Param):
        return to_param(object.to_python(), hyphenate_keys)
    if isinstance(object, Mapping):
        node = ParamNode()
        for key, value in object.items():
            if not isinstance(key, str):
                raise TypeError(f"a key is text, not {key!r}")
            node._items[key.replace("_", "-") if hyphenate_keys else key] = to_param(value, hyphenate_keys)
        return node
    if isinstance(object, (list, tuple)):
        array = ParamArray()
        array._items = [to_param(item, hyphenate_keys) for item in object]
        return array
    return ParamValue(object)


def to_python(object: Param, hyphenate_keys: bool = False, *, underscore_keys: bool = False) -> Any:
    """Make plain Python of a payload value.

    Args:
        object: the value.
        hyphenate_keys: the reference's name for `underscore_keys`, which does the same.
        underscore_keys: write `_` for `-` in the keys of mappings.
    """
    return object.to_python(hyphenate_keys or underscore_keys)


def _plain_value(value: Param, default: Any) -> Any:
    """Read a payload value as the type of a default; as it is where the default has no type of a value."""
    reader = _READERS.get(type(default))
    return getattr(value.as_value(), reader)() if reader else value.to_python()


_READERS = {bool: "as_bool", int: "as_int", float: "as_double", str: "as_string"}


def _merged(old: Param, new: Param) -> Param:
    """Join what is nested of two values of one kind; otherwise the new one wins."""
    if old.is_node() and new.is_node():
        old.as_node().merge(new.as_node())
    elif old.is_array() and new.is_array():
        old.as_array().merge(new.as_array())
    else:
        return to_param(new)
    return old
