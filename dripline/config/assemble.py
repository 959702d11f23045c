"""The five stages of a configuration, in order."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from dripline.config.environment import replace_environment
from dripline.config.file import FilePath, load_file, parse_file
from dripline.config.origin import OLD_BLOCK, Origin, locate
from dripline.config.words import apply_words
from dripline.wire.errors import ConfigurationError
from dripline.wire.mesh import MeshSettings

logger = logging.getLogger(__name__)

_MESH = "dripline_mesh"


def assemble(
    file: FilePath | None = None,
    words: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Bring a configuration together from all its sources.

    Args:
        file: a YAML or JSON file.
        words: `key=value` words of the command line.
        options: what options set, nested as in a file; None values are options not given.
        defaults: what holds when nothing else says otherwise, nested likewise. The user's mesh file is merged
            into its `dripline_mesh`.
        environment: the environment variables for `ENV{NAME}`, default those of this process.

    Returns:
        A configuration of its own, with a `dripline_mesh` mapping in it.

    Raises:
        ConfigurationError: with a line for every mistake, each naming where it stands and what to do.
    """
    mesh_file = user_mesh_file()
    tree = merged(merged({_MESH: {}}, defaults or {}), {_MESH: home_mesh()})
    if file is not None:
        tree = merged(tree, _unfolded(file, load_file(file)))
    apply_words(tree, words)
    tree = merged(tree, _given(options or {}))
    origin = Origin(file, words, mesh_file)
    replaced: dict[str, Any] = replace_environment(tree, environment, origin.where)
    _load_return_codes(replaced, file)
    return replaced


def mesh_settings(configuration: Mapping[str, Any], origin: Origin) -> MeshSettings:
    """The checked `dripline_mesh` block of a configuration.

    Raises:
        ConfigurationError: a line for every setting that is unknown or of a wrong kind, with its place.
    """
    block = configuration.get(_MESH) or {}
    if not isinstance(block, dict):
        raise ConfigurationError(f"{origin.where((_MESH,))}: {_MESH} is a mapping of settings, not {block!r}")
    mistakes = []
    for key, value in block.items():
        try:
            MeshSettings.from_dict({key: value})
        except ConfigurationError as error:
            mistakes.append(f"{origin.where((_MESH, key))}: {error}")
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return MeshSettings.from_dict(block)


def user_mesh_file() -> str | None:
    """The file with this user's mesh settings, `~/.dripline_mesh.yaml`; None if there is none."""
    path = os.path.expanduser("~/.dripline_mesh.yaml")
    return path if os.path.isfile(path) else None


def home_mesh() -> dict[str, Any]:
    """This user's mesh settings, those of `~/.dripline_mesh.yaml`; none when there is no such file.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    path = user_mesh_file()
    settings = load_file(path) if path else {}
    block = settings.get(_MESH, settings)
    if not isinstance(block, dict):
        raise ConfigurationError(f"{path}: {_MESH!r} is a mapping of settings, not {block!r}")
    return block


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two configurations in one; maps are merged, everything else of `over` replaces what stands in `under`.

    Args:
        under: what holds where `over` says nothing.
        over: what wins; only a None (`dripline_mesh:` with nothing below it) leaves a map of `under` alone.
    """
    result = dict(under)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = merged(old, value)
        elif value is not None or not isinstance(old, Mapping):
            result[key] = value
    return result


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, those that are not None."""
    return {
        key: _given(value) if isinstance(value, Mapping) else value
        for key, value in options.items()
        if value is not None
    }


def _unfolded(file: FilePath, tree: dict[str, Any]) -> dict[str, Any]:
    if OLD_BLOCK not in tree:
        return tree
    block = tree.pop(OLD_BLOCK)
    place = locate(file, (OLD_BLOCK,))
    if not isinstance(block, dict):
        raise ConfigurationError(f"{place}: {OLD_BLOCK!r} holds no mapping; move the service's keys out of it")
    logger.warning(
        "%s: %r is deprecated (it is version 4's): move the keys below it to the top level", place, OLD_BLOCK
    )
    return merged(tree, block)


def _load_return_codes(tree: dict[str, Any], file: FilePath | None) -> None:
    """Replace the name of a file of return codes by what the file holds."""
    mesh = tree[_MESH]
    name = mesh.get("return_codes") if isinstance(mesh, dict) else None
    if not isinstance(name, str):
        return
    beside = os.path.join(os.path.dirname(os.fspath(file)), name) if file is not None else name
    path = beside if os.path.exists(beside) else name
    codes = parse_file(path)
    tree[_MESH] = {
        **mesh,
        "return_codes": codes.get("return_codes", codes) if isinstance(codes, dict) else codes,
    }
