"""Conversion of version 4 configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dripline.config.diagnostics import Diagnostics, error, warning
from dripline.config.mesh import MeshSettings
from dripline.config.source_map import OLD_BLOCK, SourceMap

_MESH = "dripline_mesh"
# Version 4 wrote the settings of the mesh below this key, with hyphens.
_OLD_MESH = "dripline"
_AUTH_FILES = ("auth_file", "auth-file", "auths_file")
MESH_KEYS = frozenset(setting.name for setting in fields(MeshSettings))


def converted(tree: Mapping[str, Any], origin: SourceMap, found: Diagnostics) -> dict[str, Any]:
    """Convert the keys of a file to those of version 5; `origin` remembers the places of those that move."""
    result = dict(tree)
    if OLD_BLOCK in tree:
        _convert_service(result, origin, found)
    if isinstance(result.get(_OLD_MESH), dict):
        _convert_mesh(result, origin, found)
    return result


def _convert_service(result: dict[str, Any], origin: SourceMap, found: Diagnostics) -> None:
    block = result.pop(OLD_BLOCK)
    if not isinstance(block, dict):
        found.add(error(f"{OLD_BLOCK!r} holds no mapping; move the service's keys out of it", OLD_BLOCK))
        return
    text = f"{OLD_BLOCK!r} is deprecated (it is version 4's): move the keys below it to the top level"
    found.add(warning(text, OLD_BLOCK))
    # There the settings of the mesh stood among the service's.
    _move(result, {key: key for key in block if key in MESH_KEYS}, block, (OLD_BLOCK,), origin)
    for key, value in block.items():
        if key not in MESH_KEYS:
            under = result.get(key)
            result[key] = {**under, **value} if isinstance(under, dict) and isinstance(value, dict) else value


def _convert_mesh(result: dict[str, Any], origin: SourceMap, found: Diagnostics) -> None:
    block = result.pop(_OLD_MESH)
    text = f"{_OLD_MESH!r} is deprecated (it is version 4's): write {_MESH!r}, and '_' for each '-' below it"
    found.add(warning(text, _OLD_MESH))
    names = {key: key.replace("-", "_") for key in block if key not in _AUTH_FILES}
    _move(result, names, block, (_OLD_MESH,), origin)
    for key in _AUTH_FILES:
        if key in block:
            text = f"{key!r} is of an older version and ignored; give the authentication file as --auth-file"
            found.add(warning(text, _OLD_MESH, key))


def _move(
    result: dict[str, Any],
    names: Mapping[str, str],
    block: Mapping[str, Any],
    path: tuple[str, ...],
    origin: SourceMap,
) -> None:
    """Put settings into the block of the mesh; what stands there already wins."""
    mesh = result.get(_MESH)
    if not names or not isinstance(mesh, dict | type(None)):
        return
    moved = {new: block[old] for old, new in names.items() if new not in (mesh or {})}
    result[_MESH] = {**(mesh or {}), **moved}
    origin.moved.update({(_MESH, new): (*path, old) for old, new in names.items() if new in moved})
