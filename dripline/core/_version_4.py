"""Clients in the style of version 4: their configurations and replies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

import scarab
from dripline.config.authentication import broker_of, read_auth_file
from dripline.config.load import home_mesh
from dripline.config.mesh import MeshSettings
from dripline.config.suggest import did_you_mean

logger = logging.getLogger("dripline.config")

_MESH = frozenset(field.name for field in fields(MeshSettings))
_AUTH_FILE = ("auth_file", "auths_file")
# What is a service's, and stands in configurations that are used for clients too.
_OF_SERVICES = frozenset(
    {"name", "queue_name", "enable_scheduling", "broadcast_key"}
    | {"loop_timeout_ms", "message_wait_ms", "heartbeat_interval_s"}
)


def read_timeout(third: Any, fourth: Any, keywords: dict[str, Any]) -> tuple[str | UUID | None, float]:
    """Tell lockout key and timeout apart, which have changed places between versions 4 and 5.

    Args:
        third: what stands where version 5 has its ``lockout_key`` and version 4 its ``timeout``.
        fourth: what stands where version 5 has its ``timeout_s`` and version 4 its ``lockout_key``.
        keywords: further arguments by name.

    Returns:
        The key, and the timeout in milliseconds, 0 for none.
    """
    timeout = keywords.pop("timeout", None)
    if keywords:
        raise TypeError(f"unknown argument {', '.join(map(repr, keywords))}")
    key: str | UUID | None = None
    for given in (third, fourth):
        if isinstance(given, (str, UUID)):
            key = given
    if timeout is None:
        if isinstance(third, (int, float)):
            timeout = third
        elif isinstance(fourth, (int, float)):
            timeout = fourth * 1000  # nobody but version 5 has a number there
    return key, float(timeout or 0)


def read_core_config(config: scarab.Param | Mapping[str, Any] | None) -> tuple[dict[str, Any], str | None]:
    """Read the configuration of a client.

    Args:
        config: settings of the mesh, side by side or below ``dripline_mesh``, and perhaps the name of an
            authentication file as ``auth-file``; ``-`` and ``_`` are the same. Unknown ones are logged.

    Returns:
        Settings by name, and the authentication file. The broker that the file names is used when nothing else
        names one.
    """
    mesh: dict[str, Any] = {}
    auth_file: str | None = None
    for key, value in _settings(config):
        name = key.replace("-", "_")
        if name in _AUTH_FILE:
            auth_file = str(value)
        elif name in _MESH:
            mesh[name] = value
        elif name not in _OF_SERVICES:
            logger.warning("dripline configuration: unknown %r is ignored%s", key, did_you_mean(name, _MESH))
    broker = broker_of(read_auth_file(auth_file)) if auth_file else None
    if broker and mesh.get("broker") is None and "broker" not in home_mesh():
        mesh["broker"] = broker
    return mesh, auth_file


def is_old_config(argument: object) -> bool:
    """Tell whether a client's first argument is a version 4 configuration, and no login name."""
    if isinstance(argument, scarab.Param):
        return argument.is_node()
    return isinstance(argument, Mapping) and bool(argument.keys() - {"value", "file", "env", "default"})


def _settings(config: scarab.Param | Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Names and values, those of version 4 last: who writes them means them, the others may be defaults."""
    plain = config.to_python() if isinstance(config, scarab.Param) else config
    found: dict[str, Any] = {}
    for key, value in (plain or {}).items():
        value = value.to_python() if isinstance(value, scarab.Param) else value
        if key.replace("-", "_") in ("dripline_mesh", "dripline") and isinstance(value, Mapping):
            found.update(value)
        elif value is not None:
            found[key] = value
    return sorted(found.items(), key=lambda item: "-" in item[0])
