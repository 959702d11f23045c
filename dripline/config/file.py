"""Reads one configuration file, YAML or JSON."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from dripline.config.diagnostics import Diagnostic, Diagnostics, InvalidConfiguration, Place, diagnostics_of
from dripline.config.suggest import did_you_mean, missing_space_hint
from dripline.errors import ConfigurationError

#: Longest file that is read, in bytes: a configuration of ten thousand endpoints has some two million.
MAX_BYTES = 32 * 1024 * 1024

FilePath = str | os.PathLike[str]

_FREE = "x-"


def load_file(path: FilePath) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: a YAML file, or a JSON file if its name ends with `.json`.

    Returns:
        The mapping in the file; an empty one for an empty file.

    Raises:
        ConfigurationError: the file cannot be read, does not parse or holds no mapping. The text is one line for
            each mistake and begins with `file:line:column:` where there is a line.
    """
    found = Diagnostics()
    mapping = read_mapping(path, found)
    found.raise_errors()
    return mapping


def read_mapping(path: FilePath, found: Diagnostics) -> dict[str, Any]:
    """Read a configuration file like `load_file`, as far as possible; problems are added to `found`.

    Keys ``x-…`` of the mapping are left out: they hold what aliases (``*name``) repeat elsewhere.
    """
    tree = read_file(path, found)
    if tree is None or isinstance(tree, dict):
        return {key: value for key, value in (tree or {}).items() if not key.startswith(_FREE)}
    text = f"a configuration is a mapping (key: value), this is {_kind(tree)}{missing_space_hint(tree)}"
    found.append(Diagnostic(Place(str(path), 1, 1), text))
    return {}


def parse_file(path: FilePath) -> Any:
    """Read a file that may hold any value; None for an empty one.

    Raises:
        ConfigurationError: the file cannot be read or does not parse.
    """
    found = Diagnostics()
    value = read_file(path, found)
    found.raise_errors()
    return value


def read_file(path: FilePath, found: Diagnostics) -> Any:
    """Read a file like `parse_file`, as far as it can be read; the arguments are those of `read_mapping`."""
    try:
        text = read_text(path)
    except ConfigurationError as error:
        found += diagnostics_of(error)
        return None
    return _read_json(path, text, found) if is_json(path) else _read_yaml(path, text, found)


def read_text(path: FilePath) -> str:
    """The text of a file that a user named.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    if not os.fspath(path):
        raise ConfigurationError("the name of the file is empty")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, f"there is no such file{_neighbours(path)}") from None
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        raise _unreadable(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise _unreadable(path, f"longer than {MAX_BYTES // 1024**2} MB; it is no configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise _unreadable(path, "not UTF-8 text; save the file as UTF-8", line, column) from None


def _unreadable(path: FilePath, text: str, line: int = 0, column: int = 0) -> InvalidConfiguration:
    return InvalidConfiguration([Diagnostic(Place(str(path), line, column), text)])


def is_json(path: FilePath) -> bool:
    """Whether a file is read as JSON."""
    return os.fspath(path).lower().endswith(".json")


def _read_yaml(path: FilePath, text: str, found: Diagnostics) -> Any:
    from dripline.config import yaml_nodes  # PyYAML costs some 20 ms, and most commands read no file

    value, problems = yaml_nodes.read(text)
    found += (replace(one, place=one.place._replace(source=str(path))) for one in problems)
    return value


def _read_json(path: FilePath, text: str, found: Diagnostics) -> Any:
    import json

    if not text.strip():
        return None
    twice: list[str] = []
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _first_of_each(pairs, twice))
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        found.append(Diagnostic(Place(str(path), error.lineno, error.colno), f"not valid JSON: {reason}"))
        return None
    except (RecursionError, ValueError) as error:  # a number of thousands of digits is a ValueError
        reason = str(error) if isinstance(error, ValueError) else "nested too deep"
        found.append(Diagnostic(Place(str(path), 1, 1), reason))
        return None
    if twice:
        found += _repeated_keys(path, text, twice)
    return value


def _repeated_keys(path: FilePath, text: str, twice: list[str]) -> list[Diagnostic]:
    """Where keys stand twice: JSON is YAML but for tabs between its words, and only YAML's nodes have lines."""
    as_yaml = Diagnostics()
    _read_yaml(path, text.replace("\t", " "), as_yaml)
    plain = (Diagnostic(Place(str(path)), f"the key {key!r} stands twice; remove one of them") for key in twice)
    return [one for one in as_yaml if "stands twice" in one.text] or list(plain)


def _first_of_each(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    values = dict(reversed(pairs))
    if len(values) == len(pairs):
        return dict(pairs)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            twice.append(key)
        seen.add(key)
    return {key: values[key] for key, _ in pairs}


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"only {value!r}"


def _neighbours(path: FilePath) -> str:
    folder, name = os.path.split(os.fspath(path))
    if folder and not os.path.isdir(folder):
        return f" (nor a folder {folder!r})"
    return did_you_mean(name, os.listdir(folder or "."))
