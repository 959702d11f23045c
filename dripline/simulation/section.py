"""Reads a mapping of a description key by key and collects all errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from dripline.config.diagnostics import Diagnostics, error, warning
from dripline.config.overrides import spell
from dripline.config.quoted import as_wanted
from dripline.config.suggest import did_you_mean
from dripline.simulation.scpi import KINDS

logger = logging.getLogger("dripline.simulation")

Path = tuple[str | int, ...]


class Section:
    """One mapping of a description, reached by a path of keys; `finish` reports the keys that were never read."""

    def __init__(self, tree: Any, path: Path, found: Diagnostics) -> None:
        self._known: list[str] = []
        self.path = path
        self.found = found
        self._tree: Mapping[str, Any] = {}
        if isinstance(tree, Mapping):
            self._tree = {str(key): value for key, value in tree.items()}
        elif tree is not None:
            found.add(error(f"must be a mapping (key: value), not {tree!r}"), path, spell(path))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def has(self, key: str) -> bool:
        """Whether a key stands there; it is known from now on."""
        self._known.append(key)
        return self._tree.get(key) is not None

    def raw(self, key: str) -> Any:
        """What stands behind a key; None if nothing does."""
        self._known.append(key)
        return self._tree.get(key)

    def wrong(self, key: str, text: str) -> None:
        """Add an error at a key."""
        path = (*self.path, key)
        self.found.add(error(text), path, spell(path))

    def section(self, key: str) -> Section:
        """A mapping in this one; an empty one if it is missing."""
        return Section(self.raw(key), (*self.path, key), self.found)

    def text(self, key: str, default: str) -> str:
        """A text; a number counts as one."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, (Mapping, list)):
            self.wrong(key, f"must be a text, not {value!r}")
            return default
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.wrong(key, f"has half a character in it: {value!r}")
        return str(value)

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._read_as(bool, key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(key, f"must be true or false, not {value!r}")
        return value is True

    def _read_as(self, kind: type, key: str) -> Any:
        """What is written behind a key, a quoted number or boolean without its quotes."""
        value, conversions = as_wanted(kind, self.raw(key))
        for conversion in conversions:
            path = (*self.path, key)
            logger.warning("%s", warning(str(conversion)).located(self.found.where, path, spell(path)))
        return value

    def number(
        self, key: str, default: Any = None, lowest: float | None = None, highest: float | None = None
    ) -> Any:
        """A finite number between two others."""
        value = self._read_as(float, key)
        if value is None:
            return default
        try:
            number = KINDS["float"].convert(value)
        except ValueError as failure:
            self.wrong(key, str(failure))
            return default
        if lowest is not None and number < lowest:
            self.wrong(key, f"must be at least {lowest:g}, not {value!r}")
        elif highest is not None and number > highest:
            self.wrong(key, f"must be at most {highest:g}, not {value!r}")
        return number

    def integer(self, key: str, default: Any = None, lowest: int = 0, highest: int | None = None) -> Any:
        """A whole number between two others."""
        number = self.number(key, default, lowest, highest)
        if isinstance(number, float) and not number.is_integer():
            self.wrong(key, f"must be a whole number, not {number!r}")
        return number if number is None else int(number)

    def finish(self) -> None:
        """Add an error for each key that was not read."""
        for key in self._tree:
            if key not in self._known:
                self.wrong(key, f"unknown key{did_you_mean(key, self._known)}")
