"""Keys that only services have, those of older versions among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dripline.checking import extension_rules
from dripline.checking.findings import Label, Report
from dripline.config.secrets import SECRET_KEYS, secret_mistakes
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


def check_service_keys(configuration: Mapping[str, Any], label: Label, report: Report) -> None:
    """Check what no constructor's signature tells.

    Args:
        configuration: of the service.
        label: how messages call it.
        report: where to tell it.
    """
    for item in ("username", "password"):
        if item in configuration:
            _check_secret(item, configuration[item], label, report)


def apply_extension_rules(
    configuration: Mapping[str, Any], finder: ClassFinder, label: Label, report: Report
) -> None:
    """Disable extensions as a configuration says, and tell what it requires and is not there.

    Args:
        configuration: of the service.
        finder: finds the classes from now on.
        label: how messages call the service.
        report: where to tell it.
    """
    found = extension_rules.apply_rules(configuration, finder)
    for path, text in found.errors:
        report.error(path, label, f"extensions: {text}")
    for path, text in found.warnings:
        report.warning(path, label, f"extensions: {text}")


def _check_secret(item: str, given: Any, label: Label, report: Report) -> None:
    for key, text in secret_mistakes(item, given):
        hint = did_you_mean(key, SECRET_KEYS) if key and key not in SECRET_KEYS else ""
        path = (item, key) if key else (item,)
        report.error(path, label, f"{item}: unknown key {key!r}{hint}" if hint else text)
