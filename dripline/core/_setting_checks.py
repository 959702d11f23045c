"""A setting that a message sets is checked like the argument of the same name in a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dripline.core.argument_checks import Check, Checks, Doubtful
from dripline.core.settings import checked

_MISSING = object()


def check_setting(endpoint: object, name: str, value: Any) -> None:
    """Check a value that a message is about to assign with what the endpoint's classes have in `_dripline_checks`.

    Checks of several arguments together get the other values as they are now. A `Setting` and the setter of a
    property check by themselves.

    Args:
        endpoint: The endpoint.
        name: The attribute; ``_gain`` is checked like the argument ``gain``.
        value: What it shall become.

    Raises:
        ThrowReply: 304, with a text that names endpoint, attribute and what is wanted.
    """
    argument = name.removeprefix("_")
    for names, check in _checks_for(type(endpoint), name, argument):
        values = [value if other == argument else _current(endpoint, other) for other in names]
        if not any(given is _MISSING for given in values):
            checked(endpoint, name, _certain(check, values), value)


def _checks_for(cls: type, name: str, argument: str) -> Iterator[tuple[tuple[str, ...], Check]]:
    """Checks of one argument and of several; of each the most derived class's.

    Those of a class of ours hold for the attributes that it lists: a laboratory's own may have the same name as an
    argument.
    """
    found: set[tuple[str, ...]] = set()
    for kind in cls.__mro__:
        reach = vars(kind).get("_dripline_reach")
        if reach is not None and name not in reach.get("set", ()):
            continue
        declared = vars(kind).get("_dripline_checks")
        checks: Checks = declared if isinstance(declared, Mapping) else {}
        for names, check in checks.items():
            group = (names,) if isinstance(names, str) else names
            if argument in group and group not in found:
                found.add(group)
                yield group, check


def _current(endpoint: object, argument: str) -> Any:
    """The value of an attribute; looked up in the instance, since reading a property may talk to an instrument."""
    own = vars(endpoint)
    if argument in own or isinstance(_declared(endpoint, argument), property):
        return own.get(argument, _MISSING)
    return own.get(f"_{argument}", _MISSING)


def _declared(endpoint: object, name: str) -> Any:
    return next((vars(kind)[name] for kind in type(endpoint).__mro__ if name in vars(kind)), None)


def _certain(check: Check, values: list[Any]) -> Check:
    """A check of all values together that accepts what is only doubtful."""

    def check_all(_: Any) -> None:
        try:
            check(*values)
        except Doubtful:
            return

    return check_all
