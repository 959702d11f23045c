"""Access control for messages at run time: `_dripline_reach` of dripline classes, all of a laboratory's.

A class that has `_dripline_reach` in its own namespace is closed: of the names that it defines, or that its
constructor sets, messages reach those that it lists, whichever module the class is in. Everything else is a
laboratory's and can be reached, except names with a leading underscore::

    class Oven(Entity):
        _dripline_reach: ClassVar[Reach] = {"get": {"serial"}, "set": {"limit"}, "cmd": {"vent"}, "own": {"bus"}}

Names that it lists as ``free`` belong to a laboratory's class that defines them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import scarab
from dripline.core.settings import Setting
from scarab.cancelable import Reach as Reach

_Operation = Literal["get", "set", "cmd"]
_LISTS: dict[_Operation, tuple[str, ...]] = {"get": ("get", "set"), "set": ("set",), "cmd": ("cmd",)}

# Python's own bases, which cannot declare anything.
_CLOSED_MODULES = ("builtins", "abc", "typing")
#: An attribute of an instance: names that a constructor of ours has set although they are free.
SET_BY_US = "_dripline_set_by_us"
_NEVER = ("__", "_dripline_", "_scarab_")


def may_get(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Whether a get may read this attribute.

    Args:
        endpoint: The endpoint.
        name: The attribute.
        private: Whether names with one leading underscore may be reached.
    """
    return _reachable(endpoint, name, "get", private=private)


def may_set(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Whether a set may assign this attribute: one that exists, can be assigned, and is not a method."""
    if not _reachable(endpoint, name, "set", private=private):
        return False
    if any(name in vars(kind).get("_dripline_wiring", ()) for kind in type(endpoint).__mro__):
        return False  # which device, which table: a matter of the configuration
    # Looked up on the class, since reading a property may talk to the instrument.
    declared = _declared(endpoint, name)
    if isinstance(declared, property):
        return declared.fset is not None
    own = vars(endpoint)
    if name in own:
        return not is_method(own[name]) and not is_method(declared)
    return declared is not _NOTHING and not is_method(declared)


def may_call(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Whether a cmd may call this: something callable, and not a property that would have to be read for it."""
    return _reachable(endpoint, name, "cmd", private=private) and not isinstance(
        _declared(endpoint, name), property
    )


def is_declared(endpoint: object, name: str) -> bool:
    """Whether the endpoint's class has an attribute of this name."""
    return _declared(endpoint, name) is not _NOTHING


def is_free(cls: type, name: str) -> bool:
    """Whether a class leaves a name to laboratories."""
    return any(name in (_reach_of(kind) or {}).get("free", ()) for kind in cls.__mro__)


def is_a_laboratorys(cls: type) -> bool:
    """Whether messages reach what a class defines, unless one of its bases is closed to them there."""
    return _reach_of(cls) is None


def is_method(value: object) -> bool:
    """Whether a value is there to be called; payload values can be, but are not there for it."""
    return callable(value) and not isinstance(value, scarab.Param)


_NOTHING = object()


def _declared(endpoint: object, name: str) -> Any:
    for kind in type(endpoint).__mro__:
        if name in vars(kind):
            found = vars(kind)[name]
            return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    return _NOTHING


def _reachable(endpoint: object, name: str, operation: _Operation, *, private: bool) -> bool:
    if name.startswith("_") and (not private or name.startswith(_NEVER)):
        return False
    closed = [(kind, reach) for kind in type(endpoint).__mro__ if (reach := _reach_of(kind)) is not None]
    if any(name in reach.get(key, ()) for _, reach in closed for key in _LISTS[operation]):
        return True
    owners = [kind for kind, reach in closed if _belongs_to(kind, reach, name)]
    return not owners or (_defined_by_a_laboratory(endpoint, name) and _left_to_it(closed, owners, name))


def _defined_by_a_laboratory(endpoint: object, name: str) -> bool:
    """Whether the instance, or a laboratory's class before ours, has an attribute of this name."""
    if name in vars(endpoint):
        return name not in vars(endpoint).get(SET_BY_US, ())
    first = next((kind for kind in type(endpoint).__mro__ if name in vars(kind)), None)
    return first is not None and _reach_of(first) is None


def _left_to_it(
    closed: list[tuple[type[Any], dict[str, Collection[str]]]], owners: list[type[Any]], name: str
) -> bool:
    """Whether a closed class leaves a name to laboratories, and no other one beside it has the name."""
    return any(
        name in reach.get("free", ()) and all(issubclass(kind, owner) or owner is kind for owner in owners)
        for kind, reach in closed
    )


def _reach_of(kind: type[Any]) -> dict[str, Collection[str]] | None:
    """The list of a closed class; None for a laboratory's."""
    reach: dict[str, Collection[str]] | None = vars(kind).get("_dripline_reach")
    return {} if reach is None and kind.__module__ in _CLOSED_MODULES else reach


def _belongs_to(kind: type[Any], reach: dict[str, Collection[str]], name: str) -> bool:
    """Whether a name is one of the closed class `kind`, or of an attribute that its constructor sets."""
    if name in vars(kind) or any(name in names for names in reach.values()):
        return True
    if not name.startswith("_"):
        return False
    return name.startswith(f"_{kind.__name__}__") or isinstance(vars(kind).get(name[1:]), Setting)
