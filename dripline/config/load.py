"""Loads a configuration in five stages, from defaults to overrides; resolves paths in it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypedDict

from dripline.config.diagnostics import WARNING, Diagnostics, error, warning
from dripline.config.file import FilePath, load_file, parse_file, read_mapping
from dripline.config.mesh import TLS_FILES, MeshSettings, checked_setting
from dripline.config.overrides import apply_words, spell
from dripline.config.quoted import as_wanted
from dripline.config.source_map import SourceMap
from dripline.config.suggest import missing_space_hint
from dripline.config.version_4 import MESH_KEYS, converted
from dripline.errors import ConfigurationError
from dripline.wire.safe_text import hide_login

logger = logging.getLogger("dripline.config")

_MESH = "dripline_mesh"


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
    tree = merged({_MESH: {}}, defaults or {})
    with found.collecting():
        tree = merged(tree, {_MESH: home_mesh()})
    if file is not None:
        in_file = Diagnostics(where=origin.place)
        mapping = read_mapping(file, in_file)
        is_readable = bool(mapping) or not in_file
        today = converted(mapping, origin, in_file)
        found += in_file
        if isinstance(block := today.get(_MESH), dict):
            today[_MESH] = _with_tls_files(file, block)
        tree = merged(tree, today)
    for word in words:
        with found.collecting():
            apply_words(tree, [word])
    replaced = with_environment(merged(tree, _given(options or {})), environment, found)
    with found.collecting():
        _load_return_codes(replaced.tree, file)
    _read_quoted_mesh(replaced.tree, replaced.unsure, found)
    if file is not None:
        _find_module_paths(file, replaced.tree)
    return Loaded(replaced.tree, origin, found, replaced.unsure, is_readable)


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
        with found.collecting():
            checked_setting(key, value)
    if not found and not any(path[:1] == (_MESH,) for path in unsure):
        with found.collecting():
            MeshSettings.from_dict(block)
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
    return block if path is None else _with_tls_files(path, block)


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
    codes = parse_file(name if file is None else _beside(file, name))
    tree[_MESH] = {**mesh, "return_codes": codes.get("return_codes", codes) if isinstance(codes, dict) else codes}


class _ReturnCode(TypedDict):
    value: int


#: Types of the settings of the mesh, by name.
_MESH_TYPES: dict[str, Any] = {
    one.name: str if one.default is None else type(one.default) for one in fields(MeshSettings)
} | {"return_codes": list[_ReturnCode]}


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


def _beside(file: FilePath, name: str) -> str:
    """A file name of a configuration: relative to the configuration's folder if the file exists there."""
    beside = os.path.join(os.path.dirname(os.fspath(file)), name)
    return beside if os.path.exists(beside) else name


def _with_tls_files(file: FilePath, block: dict[str, Any]) -> dict[str, Any]:
    named = {key: _beside(file, block[key]) for key in TLS_FILES if isinstance(block.get(key), str)}
    return {**block, **named}


def _find_module_paths(file: FilePath, configuration: dict[str, Any]) -> None:
    """Let a `module_path` that leads nowhere from the working folder be one from the configuration's folder."""
    endpoints = configuration.get("endpoints")
    for part in (configuration, *(endpoints if isinstance(endpoints, list) else ())):
        path = part.get("module_path") if isinstance(part, dict) else None
        if isinstance(path, str) and not os.path.exists(os.path.expanduser(path)):
            part["module_path"] = _beside(file, path)


#: Most characters that the variables may add to a configuration in all.
MAX_CHARACTERS = 10_000_000

_VARIABLE = re.compile(r"ENV\{([^{}]*)\}")


class Replaced(NamedTuple):
    """A configuration with its texts replaced.

    Attributes:
        tree: the configuration; what names a variable that is not set stands as it was.
        unsure: paths of the texts that come from the environment, in whole or in part.
    """

    tree: Any
    unsure: frozenset[tuple[str | int, ...]]


def with_environment(tree: Any, environment: Mapping[str, str] | None, found: Diagnostics) -> Replaced:
    """Replace every `ENV{NAME}` in the texts of a configuration.

    What comes from the environment stays text, and is not searched again.

    Args:
        tree: Maps, lists and plain values; it is not changed. Parts without variables are the same objects.
        environment: Value by name, default this process's environment.
        found: Grows by an error for every variable that is not set.
    """
    replacer = _Replacer(os.environ if environment is None else environment, found)
    return Replaced(replacer.walk(tree, ()), frozenset(replacer.unsure))


class _Replacer:
    """One walk through a configuration, and what was met on it."""

    def __init__(self, environment: Mapping[str, str], found: Diagnostics) -> None:
        self._environment = environment
        self._found = found
        self.unsure: set[tuple[str | int, ...]] = set()
        self._added = 0

    def walk(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value, path) if "ENV{" in value else value
        if isinstance(value, dict):
            return {key: self.walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: tuple[str | int, ...]) -> str:
        if _VARIABLE.search(text):
            self.unsure.add(path)
        return _VARIABLE.sub(lambda match: self._lookup(match, path), text)

    def _lookup(self, match: re.Match[str], path: tuple[str | int, ...]) -> str:
        name = match[1]
        value = self._environment.get(name)
        if value is None:
            self._report(
                path,
                f"the environment variable {name!r} is not set; set it, or write a value instead of ENV{{{name}}}",
            )
            return match[0]
        before, self._added = self._added, self._added + len(value)
        if self._added <= MAX_CHARACTERS:
            return value
        if before <= MAX_CHARACTERS:
            self._report(
                path, f"environment variables add more than {MAX_CHARACTERS} characters, up to {name!r} here"
            )
        return ""

    def _report(self, path: tuple[str | int, ...], text: str) -> None:
        self._found.add(error(text), path, spell(path))
