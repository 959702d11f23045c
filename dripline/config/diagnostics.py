"""What is wrong with a configuration, and where: collected, so that all of it can be told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from dripline.errors import ConfigurationError
from dripline.wire.safe_text import safe_text

_WITH_LINE = re.compile(r"(.+):(\d+):(\d+)", re.DOTALL)


class Place(NamedTuple):
    """Where something was written.

    Attributes:
        source: a file, or words such as `command line, 'name=x'`; empty when nobody knows.
        line: counted from 1; 0 when there is none to name.
        column: likewise.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    @classmethod
    def at(cls, source: object, mark: Any) -> Place:
        """The place of a mark of the YAML parser, which counts from 0; None is nowhere in particular."""
        return cls(str(source)) if mark is None else cls(str(source), mark.line + 1, mark.column + 1)


class Mistake(NamedTuple):
    """One thing that is wrong.

    Attributes:
        place: where it stands.
        text: what is wrong and what to do, in one line.
        is_warning: whether the configuration can be used all the same.
    """

    place: Place
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        return safe_text(f"{self.place}: {self.text}" if self.place.source else self.text)


class ConfigurationMistakes(ConfigurationError):
    """Several things that are wrong, one line each.

    Args:
        mistakes: what they are.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


#: Tells the place of a path of keys and indices.
Where = Callable[[Sequence[str | int]], Place | str]


def as_place(place: Place | str) -> Place:
    """A place that was perhaps told as text, such as `service.yaml:12:5`."""
    if isinstance(place, Place):
        return place
    match = _WITH_LINE.fullmatch(place)
    return Place(match[1], int(match[2]), int(match[3])) if match else Place(place)


def mistakes_of(error: ConfigurationError) -> list[Mistake]:
    """The mistakes that an error tells, one for each line."""
    if isinstance(error, ConfigurationMistakes):
        return error.mistakes
    return [Mistake(Place(""), line) for line in str(error).splitlines()]


def raise_errors(mistakes: Iterable[Mistake]) -> None:
    """Raise a ConfigurationMistakes with all that are no warnings, if there are any."""
    errors = [mistake for mistake in mistakes if not mistake.is_warning]
    if errors:
        raise ConfigurationMistakes(errors)
