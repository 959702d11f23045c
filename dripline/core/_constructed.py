"""Whether the constructor of a laboratory's class has called those of its bases."""

from __future__ import annotations

from functools import cache
from typing import Any

from dripline.core.endpoint import Endpoint
from dripline.core.entity import Entity


def constructor_mistake(thing: Any) -> str:
    """Find out what is wrong with an object that was made; empty if nothing is.

    Args:
        thing: An endpoint, a service, or anything else.
    """
    cls: type = type(thing)
    for base, attribute in _set_by_bases(cls):
        if attribute not in vars(thing):
            return f"__init__ of class {cls.__name__!r} does not call {base}.__init__(self, **kwargs)"
    name = getattr(thing, "name", None)
    if isinstance(thing, Endpoint) and not (name and isinstance(name, str)):
        return f"an object of class {cls.__name__!r} has no name; pass 'name' to the constructor of its base"
    return ""


@cache
def _set_by_bases(cls: type) -> tuple[tuple[str, str], ...]:
    """The bases whose constructors must run, the most derived first, each with an attribute that it sets."""
    from dripline.core.service import Service  # services make their endpoints, and check them with this

    known = {Service: "_Service__children", Entity: "_Entity__condition", Endpoint: "_dripline_lockout"}
    return tuple((base.__name__, attribute) for base, attribute in known.items() if issubclass(cls, base))
