"""From plain Python to payload values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scarab.param import Param


def to_param(object: Any, hyphenate_keys: bool = False) -> Param:
    """Make a payload value of plain Python.

    Args:
        object: None, bool, number, text, lists and mappings of these, or a payload value, which is copied.
        hyphenate_keys: write `-` for `_` in the keys of mappings.

    Raises:
        TypeError: something else is in it, or a key is no text.
    """
    from scarab.param_value import ParamValue

    if object is None:
        return Param()
    if isinstance(object, Param):
        return to_param(object.to_python(), hyphenate_keys)
    if isinstance(object, Mapping):
        return _to_node(object, hyphenate_keys)
    if isinstance(object, (list, tuple)):
        return _to_array(object, hyphenate_keys)
    return ParamValue(object)


def to_python(object: Param, hyphenate_keys: bool = False, *, underscore_keys: bool = False) -> Any:
    """Make plain Python of a payload value.

    Args:
        object: the value.
        hyphenate_keys: the reference's name for `underscore_keys`, which does the same.
        underscore_keys: write `_` for `-` in the keys of mappings.
    """
    return object.to_python(hyphenate_keys or underscore_keys)


def copied(value: Any) -> Param:
    """Make a payload value of its own from a payload value or plain Python."""
    return to_param(value)


def plain_value(value: Param, default: Any) -> Any:
    """Read a payload value as the type of a default; as it is where the default has no type of a value."""
    reader = _READERS.get(type(default))
    return getattr(value.as_value(), reader)() if reader else value.to_python()


_READERS = {bool: "as_bool", int: "as_int", float: "as_double", str: "as_string"}


def _to_node(mapping: Mapping[Any, Any], hyphenate_keys: bool) -> Param:
    from scarab.param_node import ParamNode

    node = ParamNode()
    for key, value in mapping.items():
        if not isinstance(key, str):
            raise TypeError(f"a key is text, not {key!r}")
        node._items[key.replace("_", "-") if hyphenate_keys else key] = to_param(value, hyphenate_keys)
    return node


def _to_array(items: Any, hyphenate_keys: bool) -> Param:
    from scarab.param_array import ParamArray

    array = ParamArray()
    array._items = [to_param(item, hyphenate_keys) for item in items]
    return array
