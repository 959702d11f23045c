"""`Diagnostic`: one problem with its place, severity, text and remedy; collections of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from dripline.errors import ConfigurationError
from dripline.wire.safe_text import safe_text

#: How serious a diagnostic is; something that is `OK` is reported by examinations only.
Severity = Literal["ok", "warning", "error"]
OK: Severity = "ok"
WARNING: Severity = "warning"
ERROR: Severity = "error"

#: Keys and indices from the outermost mapping to a setting.
Path = Sequence[str | int]


class Place(NamedTuple):
    """Where something was written.

    Attributes:
        source: A file, or words such as `command line, 'name=x'`; empty if unknown.
        line: Counted from 1; 0 if unknown.
        column: Likewise.
        path: Keys that lead to it, as long as the source is unknown.
    """

    source: str = ""
    line: int = 0
    column: int = 0
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.source and self.line else self.source

    @classmethod
    def at(cls, source: object, mark: Any) -> Place:
        """The place of a mark of the YAML parser, which counts from 0; of the whole source if it is None."""
        return cls(str(source)) if mark is None else cls(str(source), mark.line + 1, mark.column + 1)


#: Returns the place of a path of keys.
Where = Callable[[tuple[str | int, ...]], Place]


@dataclass(frozen=True)
class Diagnostic:
    """One result of a check.

    Attributes:
        place: Where it is.
        text: What is wrong, in one line.
        severity: `ERROR` if the configuration cannot be used.
        remedy: What to do about it, if the text does not say so.
    """

    place: Place
    text: str
    severity: Severity = ERROR
    remedy: str = ""

    def __str__(self) -> str:
        return safe_text(": ".join(filter(None, (str(self.place), self.message))))

    @property
    def message(self) -> str:
        """Text and remedy."""
        return "; ".join(filter(None, (self.text, self.remedy)))

    def located(self, where: Where, path: Path = (), label: object = "") -> Diagnostic:
        """Replace the path of keys by the place in a file.

        Args:
            where: Returns the place of a path.
            path: Keys above the path of this diagnostic.
            label: Name of the part of the configuration; the text begins with it.
        """
        text = f"{label}: {self.text}" if label else self.text
        return replace(self, place=where((*path, *self.place.path)), text=text)


def error(text: str, *path: str | int) -> Diagnostic:
    """An error at a path of keys whose place is looked up later."""
    return Diagnostic(Place(path=path), text)


def warning(text: str, *path: str | int) -> Diagnostic:
    """A warning at a path of keys whose place is looked up later."""
    return Diagnostic(Place(path=path), text, WARNING)


class Diagnostics(list[Diagnostic]):
    """Diagnostics in the order in which they were found.

    Args:
        found: The first ones.
        where: Returns the place of a path, for `add`.
    """

    def __init__(self, found: Iterable[Diagnostic] = (), where: Where = lambda _: Place()) -> None:
        super().__init__(found)
        self.where = where

    def add(self, found: Diagnostic, path: Path = (), label: object = "") -> None:
        """Add one with its place; the arguments are those of `Diagnostic.located`."""
        self.append(found.located(self.where, path, label))

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Add the errors that the block raises, with their places."""
        try:
            yield
        except ConfigurationError as failure:
            self += (one.located(self.where) if one.place.path else one for one in diagnostics_of(failure))

    @property
    def errors(self) -> list[str]:
        """What prevents the use of the configuration: one line each, without repetitions, sorted by place."""
        return [str(one) for one in self.sorted() if one.severity == ERROR]

    @property
    def warnings(self) -> list[str]:
        """What will be ignored, or is probably not meant; likewise."""
        return [str(one) for one in self.sorted() if one.severity == WARNING]

    def sorted(self) -> Diagnostics:
        """All without repetitions, by file, line and column; files in the order in which they occur."""
        files = {source: number for number, source in enumerate(dict.fromkeys(one.place.source for one in self))}
        order = sorted(dict.fromkeys(self), key=lambda one: (files[one.place.source], *one.place[1:3]))
        return Diagnostics(order, self.where)

    def raise_errors(self) -> None:
        """Raise an InvalidConfiguration with all errors, if there are any."""
        if found := [one for one in self if one.severity == ERROR]:
            raise InvalidConfiguration(found)


class InvalidConfiguration(ConfigurationError):
    """Errors in a configuration; the text has one line for each.

    Args:
        diagnostics: The errors.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


def diagnostics_of(problem: ConfigurationError) -> list[Diagnostic]:
    """The diagnostics in an error, one for each line of its text."""
    if isinstance(problem, InvalidConfiguration):
        return problem.diagnostics
    return [Diagnostic(Place(), line) for line in str(problem).splitlines()]
