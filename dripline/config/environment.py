"""`ENV{NAME}` inside the texts of a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from dripline.config.diagnostics import Diagnostics, Place, Where, error
from dripline.config.overrides import spell

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


def replace_environment(
    tree: Any,
    environment: Mapping[str, str] | None = None,
    where: Where = lambda _: Place(),
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
    found = Diagnostics(where=where)
    replaced = with_environment(tree, environment, found)
    found.raise_errors()
    return replaced.tree


def with_environment(tree: Any, environment: Mapping[str, str] | None, found: Diagnostics) -> Replaced:
    """Replace like `replace_environment`, as far as the variables are set; the others are added to `found`."""
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
