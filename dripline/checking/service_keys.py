"""Keys that only services have, those of older versions among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dripline.checking import extension_rules
from dripline.config.diagnostics import Diagnostics, error
from dripline.config.secrets import SECRET_KEYS, secret_errors
from dripline.config.suggest import did_you_mean
from dripline.config.version_4 import MESH_KEYS
from dripline.discovery.class_finder import ClassFinder

# Keys of older configurations that services took and ignored, with what replaced them.
_OLD_KEYS = {
    "auth_file": "give the authentication file as --auth-file",
    "auths_file": "give the authentication file as --auth-file",
    "auth-file": "give the authentication file as --auth-file",
    "keys": "every endpoint is bound by its name; an AlertConsumer has 'alert_keys'",
}


def old_key(key: str, names: Collection[str]) -> str:
    """What to tell about a key of an older version; empty when it is none.

    Args:
        key: an unknown key of a service.
        names: the arguments of the service's class.
    """
    if key in _OLD_KEYS:
        return f"{key!r} is of an older version and ignored; {_OLD_KEYS[key]}"
    today = key.replace("-", "_")
    if today != key and today in names:
        return f"{key!r} is of an older version and ignored; write {today!r}"
    return ""


def remedy(key: str, names: Collection[str], elsewhere: Collection[str], is_service: bool) -> str:
    """The end of a message about an unknown key.

    Args:
        key: the key.
        names: the arguments of the class.
        elsewhere: those of entities if it stands at the service, and of services if it stands at an endpoint.
        is_service: whether it stands at the service.
    """
    if key in MESH_KEYS:
        return "; it belongs below 'dripline_mesh'" + ("" if is_service else " of the service")
    if key in elsewhere:
        return "; it belongs to an endpoint, below 'endpoints'" if is_service else "; it belongs to the service"
    offered = set(names) - {"authentication_obj"} | ({"extensions"} if is_service else set())
    return did_you_mean(key, offered | {"module", "module_path"}) or f"; known: {', '.join(sorted(offered))}"


def check_secrets(configuration: Mapping[str, Any], label: object, found: Diagnostics) -> None:
    """Check user and password of a service's configuration."""
    for item in ("username", "password"):
        for one in secret_errors(item, configuration[item]) if item in configuration else ():
            key = one.place.path[-1]
            known = key == item or key in SECRET_KEYS
            hint = "" if known else did_you_mean(str(key), SECRET_KEYS)
            found.add(error(f"{item}: unknown key {key!r}{hint}", item, key) if hint else one, (), label)


def apply_extension_rules(
    configuration: Mapping[str, Any], finder: ClassFinder, label: object, found: Diagnostics
) -> None:
    """Disable extensions as a configuration says, and report what it requires and is not there."""
    for one in extension_rules.apply_rules(configuration, finder):
        found.add(replace(one, text=f"extensions: {one.text}"), (), label)
