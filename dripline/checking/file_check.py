"""Checks configuration files, and names that several of them claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from dripline.checking.configuration_check import check_configuration
from dripline.config.diagnostics import Diagnostics, error
from dripline.config.file import FilePath
from dripline.config.load import Loaded, load_all, mesh_errors
from dripline.config.source_map import SourceMap
from dripline.wire.return_codes import return_code_mistakes


def check_files(files: Sequence[FilePath]) -> Diagnostics:
    """Report every problem in configuration files of services, and between them."""
    found = Diagnostics()
    all_loaded = [load_all(file) for file in dict.fromkeys(files)]
    for loaded in all_loaded:
        found += check_loaded(loaded, may_vary=True)
    found += check_together(all_loaded)
    return found


def check_loaded(loaded: Loaded, may_vary: bool = False) -> Diagnostics:
    """Report every problem in a configuration, those met while it was loaded among them.

    Args:
        loaded: The configuration.
        may_vary: Whether the environment is not yet the one in which the service will run, so that what comes
            from it is not called wrong.
    """
    found = Diagnostics(loaded.diagnostics, loaded.origin.place)
    unsure = loaded.unsure if may_vary else frozenset()
    found += mesh_errors(loaded.configuration, loaded.origin, unsure)
    _check_return_codes(loaded, found)
    if loaded.is_readable:
        # What comes from the environment is text, also where its reader makes a number of it.
        found += check_configuration(
            loaded.configuration, loaded.origin.place, loaded.unsure, may_vary, loaded.origin.word
        )
    return found


def _check_return_codes(loaded: Loaded, found: Diagnostics) -> None:
    mesh = loaded.configuration.get("dripline_mesh")
    codes = mesh.get("return_codes") if isinstance(mesh, dict) else None
    if not isinstance(codes, list) or not all(isinstance(code, Mapping) for code in codes):
        return  # none, a file that could not be read, or something that is reported elsewhere
    key = ("dripline_mesh", "return_codes")
    for number, text in return_code_mistakes(codes):
        if (*key, number, "value") not in loaded.unsure:
            found.add(error(f"dripline_mesh: return_codes: {text}", *key, number))


_MESH_OF = ("broker", "broker_port", "virtual_host", "requests_exchange")


class Configured(Protocol):
    """A service's configuration that knows where it comes from."""

    configuration: dict[str, Any]
    origin: SourceMap


def check_together(services: Sequence[Configured]) -> Diagnostics:
    """Report the names that several services of one mesh have."""
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
