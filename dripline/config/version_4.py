"""Configurations of version 4, brought into today's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dripline.config.diagnostics import Mistake
from dripline.config.mesh import MeshSettings
from dripline.config.source_map import OLD_BLOCK, SourceMap

_MESH = "dripline_mesh"
# Version 4 wrote the settings of the mesh below this key, with hyphens.
_OLD_MESH = "dripline"
_AUTH_FILES = ("auth_file", "auth-file", "auths_file")
MESH_KEYS = frozenset(setting.name for setting in fields(MeshSettings))


@dataclass
class Unfolded:
    """A file's tree in today's shape.

    Attributes:
        tree: the configuration.
        mistakes: what was told about it.
    """

    tree: dict[str, Any]
    mistakes: list[Mistake] = field(default_factory=list)


def unfolded(tree: Mapping[str, Any], origin: SourceMap) -> Unfolded:
    """Bring a file's tree into today's shape.

    Args:
        tree: what the file holds.
        origin: of the file; it learns where the settings that move were written.
    """
    result = Unfolded(dict(tree))
    if OLD_BLOCK in tree:
        _unfold_service(result, origin)
    if _OLD_MESH in result.tree and isinstance(result.tree[_OLD_MESH], dict):
        _unfold_mesh(result, origin)
    return result


def _unfold_service(result: Unfolded, origin: SourceMap) -> None:
    block = result.tree.pop(OLD_BLOCK)
    place = origin.place((OLD_BLOCK,))
    if not isinstance(block, dict):
        text = f"{OLD_BLOCK!r} holds no mapping; move the service's keys out of it"
        result.mistakes.append(Mistake(place, text))
        return
    text = f"{OLD_BLOCK!r} is deprecated (it is version 4's): move the keys below it to the top level"
    result.mistakes.append(Mistake(place, text, is_warning=True))
    # There the settings of the mesh stood among the service's.
    _move(result, {key: key for key in block if key in MESH_KEYS}, block, (OLD_BLOCK,), origin)
    rest = {key: value for key, value in block.items() if key not in MESH_KEYS}
    result.tree = {**result.tree, **{key: _joined(result.tree.get(key), value) for key, value in rest.items()}}


def _joined(under: Any, over: Any) -> Any:
    return {**under, **over} if isinstance(under, dict) and isinstance(over, dict) else over


def _unfold_mesh(result: Unfolded, origin: SourceMap) -> None:
    block = result.tree.pop(_OLD_MESH)
    text = f"{_OLD_MESH!r} is deprecated (it is version 4's): write {_MESH!r}, and '_' for each '-' below it"
    result.mistakes.append(Mistake(origin.place((_OLD_MESH,)), text, is_warning=True))
    names = {key: key.replace("-", "_") for key in block if key not in _AUTH_FILES}
    _move(result, names, block, (_OLD_MESH,), origin)
    for key in _AUTH_FILES:
        if key in block:
            text = f"{key!r} is of an older version and ignored; give the authentication file as --auth-file"
            result.mistakes.append(Mistake(origin.place((_OLD_MESH, key)), text, is_warning=True))


def _move(
    result: Unfolded, names: Mapping[str, str], block: Mapping[str, Any], path: tuple[str, ...], origin: SourceMap
) -> None:
    """Put settings into the block of the mesh; what stands there already wins."""
    mesh = result.tree.get(_MESH)
    if not names or not isinstance(mesh, dict | type(None)):
        return
    moved = {new: block[old] for old, new in names.items() if new not in (mesh or {})}
    result.tree[_MESH] = {**(mesh or {}), **moved}
    origin.moved.update({(_MESH, new): (*path, old) for old, new in names.items() if new in moved})
