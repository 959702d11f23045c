"""Names that several services of one mesh claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from dripline.config.diagnostics import Diagnostics, error
from dripline.config.source_map import SourceMap

_MESH_OF = ("broker", "broker_port", "virtual_host", "requests_exchange")


class Configured(Protocol):
    """A service's configuration that knows where it comes from."""

    configuration: dict[str, Any]
    origin: SourceMap


def check_together(services: Sequence[Configured]) -> Diagnostics:
    """Tell the names that stand in more than one of several configurations of one mesh.

    Args:
        services: what was read of each.
    """
    found = Diagnostics()
    first: dict[tuple[str, ...], tuple[Configured, tuple[str | int, ...]]] = {}
    for service in services if len(services) > 1 else ():
        mesh = _mesh(service.configuration)
        for name, kind, path in _names(service.configuration):
            known, known_path = first.setdefault((*mesh, name), (service, path))
            if known is not service:
                text = f"the name is also at {known.origin.place(known_path)}; rename one of them"
                found.append(error(text).located(service.origin.place, path, f"{kind} {name!r}"))
    return found


def _mesh(configuration: dict[str, Any]) -> tuple[str, ...]:
    mesh = configuration.get("dripline_mesh")
    return tuple(str(mesh.get(key)) if isinstance(mesh, dict) else "" for key in _MESH_OF)


def _names(configuration: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
    parts: list[tuple[Any, str, tuple[str | int, ...]]] = [(configuration, "service", ())]
    endpoints = configuration.get("endpoints")
    if isinstance(endpoints, list):
        parts += [(part, "endpoint", ("endpoints", number)) for number, part in enumerate(endpoints)]
    for part, kind, path in parts:
        name = part.get("name") if isinstance(part, dict) else None
        if isinstance(name, str) and name and "ENV{" not in name:
            yield name, kind, (*path, "name")
