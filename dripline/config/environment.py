"""`ENV{NAME}` inside the texts of a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from dripline.config.words import Path, spell
from dripline.wire.errors import ConfigurationError

_VARIABLE = re.compile(r"ENV\{([^{}]*)\}")


def replace_environment(
    tree: Any,
    environment: Mapping[str, str] | None = None,
    where: Callable[[Path], str] | None = None,
) -> Any:
    """Replace every `ENV{NAME}` in the texts of a configuration.

    What comes from the environment stays text, and is not searched again.

    Args:
        tree: maps, lists and plain values; it is not changed.
        environment: value by name, default this process's environment.
        where: tells the place of a path for messages, such as `service.yaml:3:5`.

    Returns:
        The tree with the texts replaced; parts without any are the same objects.

    Raises:
        ConfigurationError: one line for every variable that is not set.
    """
    replacer = _Replacer(os.environ if environment is None else environment, where)
    replaced = replacer.walk(tree, ())
    if replacer.mistakes:
        raise ConfigurationError("\n".join(replacer.mistakes))
    return replaced


class _Replacer:
    """One walk through a configuration, and the mistakes met on it."""

    def __init__(self, environment: Mapping[str, str], where: Callable[[Path], str] | None) -> None:
        self._environment = environment
        self._where = where
        self.mistakes: list[str] = []

    def walk(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value, path) if "ENV{" in value else value
        if isinstance(value, dict):
            return {key: self.walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: tuple[str | int, ...]) -> str:
        return _VARIABLE.sub(lambda match: self._lookup(match[1], path), text)

    def _lookup(self, name: str, path: tuple[str | int, ...]) -> str:
        if name in self._environment:
            return self._environment[name]
        place = f"{self._where(path)}: " if self._where else ""
        self.mistakes.append(
            f"{place}{spell(path)}: the environment variable {name!r} is not set; "
            f"set it, or write a value instead of ENV{{{name}}}"
        )
        return ""
