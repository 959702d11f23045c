"""The five stages of a configuration, in order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, TypedDict, TypeVar

from dripline.config.diagnostics import WARNING, Diagnostics, diagnostics_of, error, warning
from dripline.config.environment import with_environment
from dripline.config.file import FilePath, load_file, parse_file, read_mapping
from dripline.config.mesh import MeshSettings, checked_setting
from dripline.config.mesh_address import TLS_FILES
from dripline.config.missing_space import missing_space_hint
from dripline.config.overrides import apply_words, spell
from dripline.config.quoted import as_wanted
from dripline.config.source_map import SourceMap
from dripline.config.version_4 import MESH_KEYS, converted
from dripline.errors import ConfigurationError
from dripline.wire.safe_text import hide_login

logger = logging.getLogger("dripline.config")

_MESH = "dripline_mesh"
_Result = TypeVar("_Result")


def load_configuration(
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
    loaded = load_all(file, words, options, defaults, environment)
    for one in loaded.diagnostics:
        if one.severity == WARNING:
            logger.warning("%s", one)
    loaded.diagnostics.raise_errors()
    return loaded.configuration


@dataclass
class Loaded:
    """A configuration as far as it could be loaded.

    Attributes:
        configuration: what `load_configuration` returns.
        origin: tells where a setting was written.
        diagnostics: what was found on the way.
        unsure: paths of the texts that come from the environment.
        is_readable: False when the file holds nothing that could be looked at.
    """

    configuration: dict[str, Any] = field(repr=False)  # a password may be in it
    origin: SourceMap
    diagnostics: Diagnostics
    unsure: frozenset[tuple[str | int, ...]]
    is_readable: bool = True


def load_all(
    file: FilePath | None = None,
    words: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Do what `load_configuration` does, and collect diagnostics of all stages; the arguments are the same."""
    origin = SourceMap(file, words, user_mesh_file())
    found = Diagnostics(where=origin.place)
    is_readable = True
    tree = merged(merged({_MESH: {}}, defaults or {}), {_MESH: _tried(home_mesh, found) or {}})
    if file is not None:
        in_file = Diagnostics(where=origin.place)
        mapping = read_mapping(file, in_file)
        is_readable = bool(mapping) or not in_file
        today = converted(mapping, origin, in_file)
        found += in_file
        tree = merged(tree, {**today, **_tls_files_beside(file, today)})
    for word in words:
        _tried(partial(apply_words, tree, [word]), found)
    replaced = with_environment(merged(tree, _given(options or {})), environment, found)
    _tried(lambda: _load_return_codes(replaced.tree, file), found)
    _read_quoted_mesh(replaced.tree, replaced.unsure, found)
    if file is not None:
        _look_beside(file, replaced.tree)
    return Loaded(replaced.tree, origin, found, replaced.unsure, is_readable)


def _tried(action: Callable[[], _Result], found: Diagnostics) -> _Result | None:
    """Do something, and collect what is wrong with it."""
    try:
        return action()
    except ConfigurationError as failure:
        found += diagnostics_of(failure)
        return None


def mesh_settings(configuration: Mapping[str, Any], origin: SourceMap) -> MeshSettings:
    """The checked `dripline_mesh` block of a configuration.

    Raises:
        ConfigurationError: a line for every setting that is unknown or of a wrong kind, with its place.
    """
    block = configuration.get(_MESH) or {}
    mesh_errors(configuration, origin).raise_errors()
    return MeshSettings.from_dict(block)


def mesh_errors(
    configuration: Mapping[str, Any], origin: SourceMap, unsure: Collection[tuple[str | int, ...]] = ()
) -> Diagnostics:
    """What is wrong with the `dripline_mesh` block of a configuration.

    Args:
        configuration: it may lack the block.
        origin: tells where a setting was written.
        unsure: paths of texts that nobody knows yet.
    """
    found = Diagnostics(where=origin.place)
    block = configuration.get(_MESH) or {}
    if not isinstance(block, dict):
        shown = hide_login(repr(block))
        found.add(error(f"{_MESH} is a mapping of settings, not {shown}{missing_space_hint(block)}", _MESH))
        return found
    for key, value in block.items():
        if (_MESH, key) in unsure and key in MESH_KEYS:
            continue
        try:
            checked_setting(key, value)
        except ConfigurationError as failure:
            found.add(error(str(failure), _MESH, key))
    if not found and not any(path[:1] == (_MESH,) for path in unsure):
        try:
            MeshSettings.from_dict(block)
        except ConfigurationError as failure:
            for one in diagnostics_of(failure):
                found.add(one)
    return found


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
        raise ConfigurationError(f"{path}: {_MESH!r} is a mapping of settings, not {hide_login(repr(block))}")
    return block if path is None else _beside(path, block)


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
    """The options that were given: those that are not None, and maps with one such in them."""
    given = {key: _given(value) if isinstance(value, Mapping) else value for key, value in options.items()}
    return {key: value for key, value in given.items() if value is not None and value != {}}


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


class _ReturnCode(TypedDict):
    value: int


#: Types of the settings of the mesh, by name.
_MESH_TYPES: dict[str, Any] = {
    **{
        setting.name: str if setting.default is None else type(setting.default) for setting in fields(MeshSettings)
    },
    "return_codes": list[_ReturnCode],
}


def _read_quoted_mesh(tree: dict[str, Any], unsure: Collection[tuple[str | int, ...]], found: Diagnostics) -> None:
    """Convert quoted numbers and booleans in the mesh settings; text from the environment without a warning."""
    mesh = tree[_MESH]
    if not isinstance(mesh, dict):
        return
    for key in [key for key in mesh if key in _MESH_TYPES]:
        mesh[key], conversions = as_wanted(_MESH_TYPES[key], mesh[key])
        for one in conversions:
            path = (_MESH, key, *one.path)
            doubt = warning(str(one)).located(found.where, path, spell(path))
            if doubt.place.line and path not in unsure:  # a script may give text
                found.append(doubt)


def _tls_files_beside(file: FilePath, tree: Mapping[str, Any]) -> dict[str, Any]:
    block = tree.get(_MESH)
    return {_MESH: _beside(file, block)} if isinstance(block, dict) else {}


def _beside(file: FilePath, block: dict[str, Any]) -> dict[str, Any]:
    """Mesh settings whose files are first looked for in the folder of the file that names them."""
    found = {}
    for key in TLS_FILES:
        name = block.get(key)
        if isinstance(name, str):
            beside = os.path.join(os.path.dirname(os.fspath(file)), name)
            found[key] = beside if os.path.exists(beside) else name
    return {**block, **found}


def _look_beside(file: FilePath, configuration: dict[str, Any]) -> None:
    """Let a `module_path` that leads nowhere from the working folder be one from the configuration's folder."""
    endpoints = configuration.get("endpoints")
    for part in (configuration, *(endpoints if isinstance(endpoints, list) else ())):
        path = part.get("module_path") if isinstance(part, dict) else None
        if isinstance(path, str) and not os.path.exists(os.path.expanduser(path)):
            beside = os.path.join(os.path.dirname(file), path)
            part["module_path"] = beside if os.path.exists(beside) else path
