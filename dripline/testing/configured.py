"""From a configuration to a service of a test's mesh, with the checks that `dl-serve` does."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dripline.checking import check_loaded
from dripline.config.authentication import make_authentication
from dripline.config.diagnostics import Place
from dripline.config.load import load_all
from dripline.config.overrides import set_path, spell
from dripline.config.source_map import SourceMap
from dripline.core.object_creator import ObjectCreator
from dripline.core.service import Service
from dripline.discovery.secrets import secrets_of_extensions
from dripline.errors import ConfigurationError
from dripline.testing.brokers import Broker

logger = logging.getLogger("dripline.testing")


def configured_service(
    source: Path | Mapping[str, Any], overrides: Mapping[str, Any], broker: Broker, mesh: Mapping[str, Any]
) -> Service:
    """Make a service as `dl-serve` would, but for its mesh and its login, which are the test's.

    Args:
        source: A file, or what could stand in one.
        overrides: What counts instead, by key; a key may be a path such as ``endpoints.0.limit``.
        broker: Tells the login.
        mesh: The test's mesh.

    Raises:
        ConfigurationError: With a line for each mistake.
    """
    configuration = _checked(source, overrides, broker, mesh)
    secrets = make_authentication(configuration, auth=secrets_of_extensions())
    service = ObjectCreator().create_object(configuration, "Service", secrets)
    if not isinstance(service, Service):
        raise ConfigurationError(f"{type(service).__name__} is no service; only a service can run")
    service.enable_scheduling = bool(configuration.get("enable_scheduling", True))  # `dl-serve` turns it on
    return service


def _checked(
    source: Path | Mapping[str, Any], overrides: Mapping[str, Any], broker: Broker, mesh: Mapping[str, Any]
) -> dict[str, Any]:
    here = {"dripline_mesh": mesh, "username": broker.username, "password": broker.password}
    if isinstance(source, Path):
        loaded = load_all(source, options=here)
    else:
        loaded = replace(load_all(defaults=source, options=here), origin=_InPython())
    for key, value in overrides.items():
        path = [int(part) if part.isdecimal() else part for part in key.split(".")]
        set_path(loaded.configuration, path, value)
    found = check_loaded(loaded)
    for warning in found.warnings:
        logger.warning("%s", warning)
    found.sorted().raise_errors()
    return loaded.configuration


class _InPython(SourceMap):
    """A configuration that stands in a test: its mistakes are told by the path of their keys."""

    def place(self, key_path: Sequence[str | int]) -> Place:
        return Place(spell(key_path))
