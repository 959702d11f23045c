"""Checks of constructor arguments that `dl check` can run without an instance.

A class names them in ``_dripline_checks``; a `Setting` is the check of the argument that has its name::

    class Pump(Entity):
        _dripline_checks = {"channel": channel_number, ("low", "high"): in_order}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dripline.errors import ConfigurationError

#: Takes the value of an argument, or of several; raises a ValueError or TypeError whose text goes on after the
#: argument's name: ``is a number of 1 to 8, not 9``. What it returns is not looked at.
Check = Callable[..., object]

#: Checks by argument; those of several arguments together by their names.
Checks = Mapping[str | tuple[str, ...], Check]


class Doubtful(ValueError):
    """What is probably not meant; a check raises it. `dl check` tells it as a warning, constructors accept it."""


def check_arguments(who: object, checks: Checks, **given: Any) -> None:
    """Check what a constructor was given.

    Args:
        who: how messages call the object, its name.
        checks: of the class.
        **given: values by argument; those without a check are passed over.

    Raises:
        ConfigurationError: with name and argument, for the first that is wrong.
    """
    for name, value in given.items():
        check = checks.get(name)
        if check is None:
            continue
        try:
            check(value)
        except Doubtful:
            continue
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{name} of {who}: {error}") from None
