"""Command-line arguments: the type of a value, and the path of a `key=value` override.

A word is a number only if all of it is one: `12:30:00`, `10abc`, `3 volts` and `007` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from dripline.config.diagnostics import Path
from dripline.errors import ConfigurationError, DecodingError

_CONSTANTS: dict[str, bool | None] = {
    "null": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*")
_INDEX = re.compile(r"0|[1-9][0-9]*")
# A longer number is no measured value, and Python refuses to read more than some 4300 digits.
_LONGEST_NUMBER = 1000


def read_word(word: str) -> Any:
    """Read a command-line argument as a value.

    Returns:
        None, a bool, an int, a finite float, the list or map of a JSON document, or the argument itself as text.
    """
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word[:1] in ("[", "{"):
        from dripline.wire import body  # few arguments are JSON

        try:
            return body.loads(word.encode())
        except (DecodingError, UnicodeEncodeError):
            return word
    number = read_number(word)
    return word if number is None else number


def read_number(word: str) -> int | float | None:
    """The number that a word is from its first to its last character; None if it is none."""
    if len(word) > _LONGEST_NUMBER:
        return None
    if _INTEGER.fullmatch(word):
        return int(word)
    if _FLOAT.fullmatch(word):
        number = float(word)
        return number if math.isfinite(number) else None  # JSON has no infinity
    return None


def split_word(word: str) -> tuple[tuple[str | int, ...], Any] | None:
    """Split a `key=value` argument of a command line.

    Returns:
        The path that the key spells (`endpoints.0.name` is `("endpoints", 0, "name")`) and the value; None if the
        argument is not `key=value` (the part before the `=` is not a path of names and numbers).
    """
    key, equals, value = word.partition("=")
    if not equals or not _KEY.fullmatch(key):
        return None
    path = tuple(int(part) if _INDEX.fullmatch(part) else part for part in key.split("."))
    return path, read_word(value)


def apply_words(tree: dict[str, Any], words: Iterable[str]) -> None:
    """Set every `key=value` word in a configuration, the last one of a key winning.

    Raises:
        ConfigurationError: a word that is no `key=value`, or whose path does not fit the configuration.
    """
    for word in words:
        parts = split_word(word)
        if parts is None:
            raise ConfigurationError(f"{word!r} is not KEY=VALUE, and nothing else is expected here")
        try:
            set_path(tree, *parts)
        except ConfigurationError as error:
            raise ConfigurationError(f"{word!r}: {error}") from None


def set_path(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value into nested maps and lists, making those that are missing.

    Args:
        tree: the outermost map; it is changed.
        path: keys of maps and indices of lists. The index after a list's last makes it one longer; a missing
            container becomes a list when its first index is 0, else a map.
        value: what to put there.

    Raises:
        ConfigurationError: an index beyond a list, a name where a list stands, or a way through a plain value.
    """
    here: Any = tree
    for depth, part in enumerate(path[:-1]):
        fresh: Any = [] if path[depth + 1] == 0 else {}
        here = _step(here, part, fresh, path[:depth])
    _put(here, path[-1], value, path[:-1])


def _step(container: Any, part: str | int, fresh: Any, walked: Path) -> Any:
    if isinstance(container, list):
        index = _index(container, part, walked)
        if index == len(container):
            container.append(fresh)
        elif container[index] is None:
            container[index] = fresh
        return container[index]
    key = _key(container, part, walked)
    if container.get(key) is None:
        container[key] = fresh
    return container[key]


def _put(container: Any, part: str | int, value: Any, walked: Path) -> None:
    if isinstance(container, list):
        index = _index(container, part, walked)
        container[index : index + 1] = [value]
    else:
        container[_key(container, part, walked)] = value


def _index(items: list[Any], part: str | int, walked: Path) -> int:
    if not isinstance(part, int):
        raise ConfigurationError(f"{spell(walked)} is a list of {len(items)}: a number must follow, not {part!r}")
    if part > len(items):
        raise ConfigurationError(f"{spell(walked)} has only {len(items)} entries, counted from 0")
    return part


def _key(container: Any, part: str | int, walked: Path) -> str:
    if not isinstance(container, dict):
        raise ConfigurationError(f"{spell(walked)} is {container!r}, nothing can stand below it")
    return str(part)


def spell(path: Path) -> str:
    """A path as it is written on a command line: `endpoints.0.name`."""
    return ".".join(str(part) for part in path)
