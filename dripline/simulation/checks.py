"""Reading a description key by key; everything wrong with it is gathered and told at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dripline.config.overrides import spell
from dripline.config.quoted import as_wanted
from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError
from dripline.simulation.kinds import KINDS
from dripline.wire.safe_text import safe_text

logger = logging.getLogger("dripline.simulation")

Path = tuple[str | int, ...]


class Mistakes:
    """What is wrong with a description, a line each.

    Args:
        where: tells the place of a key, such as `supply.yaml:12:5`; None for a description that is in no file.
    """

    def __init__(self, where: Callable[[Path], str] | None) -> None:
        self._where = where
        self._lines: list[str] = []

    def add(self, path: Path, text: str) -> None:
        """Note a mistake."""
        self._lines.append(self._line(path, text))

    def warn(self, path: Path, text: str) -> None:
        """Log what can be used all the same."""
        logger.warning("%s", safe_text(self._line(path, text)))

    def _line(self, path: Path, text: str) -> str:
        place = self._where(path) if self._where else ""
        return ": ".join(part for part in (place, spell(path), text) if part)

    def raise_all(self) -> None:
        """Raise a ConfigurationError with all mistakes, if there are any."""
        if self._lines:
            raise ConfigurationError("\n".join(self._lines))


class Section:
    """One mapping of a description. What is read is known; `finish` tells the keys that are not.

    Args:
        tree: the mapping, or what stands in its place.
        path: the keys that lead to it.
        mistakes: takes what is wrong.
    """

    def __init__(self, tree: Any, path: Path, mistakes: Mistakes) -> None:
        self._known: list[str] = []
        self.path = path
        self.mistakes = mistakes
        self._tree: Mapping[str, Any] = {}
        if isinstance(tree, Mapping):
            self._tree = {str(key): value for key, value in tree.items()}
        elif tree is not None:
            mistakes.add(path, f"must be a mapping (key: value), not {tree!r}")

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
        """Note a mistake at a key."""
        self.mistakes.add((*self.path, key), text)

    def section(self, key: str) -> Section:
        """A mapping in this one; an empty one if it is missing."""
        return Section(self.raw(key), (*self.path, key), self.mistakes)

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
            self.mistakes.warn((*self.path, key), str(conversion))
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
        except ValueError as error:
            self.wrong(key, str(error))
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
        """Note the keys that nobody asked for."""
        for key in self._tree:
            if key not in self._known:
                self.wrong(key, f"unknown key{did_you_mean(key, self._known)}")


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What is wrong with a name that is not among these."""
    return f"there is no value {name!r}{did_you_mean(name, known)}"
