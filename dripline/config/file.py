"""Reading one configuration file, YAML or JSON."""

from __future__ import annotations

import os
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.wire.errors import ConfigurationError

FilePath = str | os.PathLike[str]


def load_file(path: FilePath) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: a YAML file, or a JSON file if its name ends with `.json`.

    Returns:
        The mapping in the file; an empty one for an empty file.

    Raises:
        ConfigurationError: the file cannot be read, does not parse or holds no mapping. The text is one line and
            begins with `file:line:column:` where there is a line.
    """
    tree = parse_file(path)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{path}:1:1: a configuration is a mapping (key: value), this is {_kind(tree)}")
    return tree


def parse_file(path: FilePath) -> Any:
    """Read a file that may hold any value; None for an empty one.

    Raises:
        ConfigurationError: the file cannot be read or does not parse.
    """
    text = read_text(path)
    return _load_json(path, text) if is_json(path) else _load_yaml(path, text)


def read_text(path: FilePath) -> str:
    """The text of a file that a user named.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file{_neighbours(path)}") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigurationError(f"{path}:{line}:{column}: not UTF-8 text; save the file as UTF-8") from None


def is_json(path: FilePath) -> bool:
    """Whether a file is read as JSON."""
    return os.fspath(path).lower().endswith(".json")


def _load_yaml(path: FilePath, text: str) -> Any:
    from dripline.config import yaml_nodes  # PyYAML costs some 20 ms, and most commands read no file

    try:
        return yaml_nodes.load(text)
    except yaml_nodes.YamlMistake as mistake:
        place = f"{path}:{mistake.mark.line + 1}:{mistake.mark.column + 1}" if mistake.mark else path
        raise ConfigurationError(f"{place}: {mistake}") from None


def _load_json(path: FilePath, text: str) -> Any:
    import json

    if not text.strip():
        return None
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise ConfigurationError(f"{path}:{error.lineno}:{error.colno}: no JSON: {reason}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}:1:1: nested too deep") from None
    except _DuplicateKey as error:
        key = error.args[0]
        line = text.count("\n", 0, text.rfind(f'"{key}"')) + 1
        raise ConfigurationError(f"{path}:{line}: the key {key!r} stands twice; remove one of them") from None


class _DuplicateKey(ValueError):
    """A key that stands twice in a JSON object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        raise _DuplicateKey(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]  # add returns None
    return values


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"only {value!r}"


def _neighbours(path: FilePath) -> str:
    folder, name = os.path.split(os.fspath(path))
    if folder and not os.path.isdir(folder):
        return f" (nor a folder {folder!r})"
    return did_you_mean(name, os.listdir(folder or "."))
