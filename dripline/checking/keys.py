"""Checks the keys of a section once per class and set of keys, so that 10000 endpoints are checked quickly."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from dripline.checking.argument_values import (
    CHECKED_ELSEWHERE,
    JointCheck,
    ValueCheck,
    joint_checks,
    required_by_checks,
    value_checks,
)
from dripline.checking.arguments import accepted_arguments, wanted_types
from dripline.config.diagnostics import Diagnostic, error, warning
from dripline.config.suggest import did_you_mean
from dripline.config.version_4 import MESH_KEYS
from dripline.core.endpoint import Endpoint
from dripline.core.entity import Entity
from dripline.core.service import Service


class Keys(NamedTuple):
    """What is the same for all parts of a configuration with the same class and the same keys.

    Attributes:
        owner: the class; None when it cannot be used here.
        diagnostics: what is wrong with the keys.
        checks: of the values, by key.
        joint: checks of several of them together.
        wanted: types of the values, by key, where quoted numbers and booleans are read.
    """

    owner: type | None
    diagnostics: tuple[Diagnostic, ...] = ()
    checks: tuple[tuple[str, ValueCheck], ...] = ()
    joint: tuple[JointCheck, ...] = ()
    wanted: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of_service(cls, owner: type, keys: Collection[str]) -> Keys:
        """Compare a service's keys with the arguments of its class."""
        own = [key for key in keys if key != "extensions"]
        return _compared(owner, own, is_service=True)

    @classmethod
    def of_endpoint(cls, owner: type, keys: Collection[str]) -> Keys:
        """Compare an endpoint's keys with the arguments of its class."""
        if not issubclass(owner, Endpoint):
            return cls(None, (error(f"class {owner.__name__!r} is no Endpoint or Entity", "module"),))
        compared = _compared(owner, keys, is_service=False)
        if not issubclass(owner, Service):
            return compared
        text = f"class {owner.__name__!r} is a service and does not run here; give it a file of its own"
        return compared._replace(diagnostics=(warning(text, "module"), *compared.diagnostics))


def _compared(owner: type, keys: Collection[str], *, is_service: bool) -> Keys:
    accepted, of_values = accepted_arguments(owner), value_checks(owner)
    found: list[Diagnostic] = []
    checks: list[tuple[str, ValueCheck]] = []
    for key in keys:
        if key in ("module", "module_path"):
            continue
        if accepted.takes(key):
            if key in of_values:
                checks.append((key, of_values[key]))
        elif is_service and (replacement := _old_key(key, accepted.names)):
            found.append(warning(replacement, key))
        else:
            found.append(error(f"unknown argument {key!r}{_remedy(key, accepted.names, is_service)}", key))
    for name in dict.fromkeys((*accepted.required, *required_by_checks(owner))):
        if name not in keys and name != "name":
            found.append(error(f"missing argument {name!r}"))
    joint = [one for one in joint_checks(owner) if any(argument.name in keys for argument in one.arguments)]
    wanted = tuple(
        (key, kind) for key, kind in wanted_types(owner).items() if key in keys and key not in CHECKED_ELSEWHERE
    )
    return Keys(owner, tuple(found), tuple(checks), tuple(joint), wanted)


# Keys of older configurations that services took and ignored, with what replaced them.
_OLD_KEYS = {
    "auth_file": "give the authentication file as --auth-file",
    "auths_file": "give the authentication file as --auth-file",
    "auth-file": "give the authentication file as --auth-file",
    "keys": "every endpoint is bound by its name; an AlertConsumer has 'alert_keys'",
}


def _old_key(key: str, names: Collection[str]) -> str:
    """The message about a key of an older version; empty if it is not one."""
    if key in _OLD_KEYS:
        return f"{key!r} is of an older version and ignored; {_OLD_KEYS[key]}"
    today = key.replace("-", "_")
    if today != key and today in names:
        return f"{key!r} is of an older version and ignored; write {today!r}"
    return ""


def _remedy(key: str, names: Collection[str], is_service: bool) -> str:
    """The end of a message about a key that is not one of a class's arguments."""
    if key in MESH_KEYS:
        return "; it belongs below 'dripline_mesh'" + ("" if is_service else " of the service")
    if key in accepted_arguments(Entity if is_service else Service).names:
        return "; it belongs to an endpoint, below 'endpoints'" if is_service else "; it belongs to the service"
    offered = set(names) - {"authentication_obj"} | ({"extensions"} if is_service else set())
    return did_you_mean(key, offered | {"module", "module_path"}) or f"; known: {', '.join(sorted(offered))}"
