"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dripline.config.diagnostics import Mistake, Place, Where, as_place, raise_errors


@dataclass
class Findings:
    """What a check found, each told once.

    Attributes:
        mistakes: in the order in which they were found.
    """

    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """What must be mended before the service can start, one line each, sorted by place."""
        return [str(mistake) for mistake in self.sorted() if not mistake.is_warning]

    @property
    def warnings(self) -> list[str]:
        """What will be ignored, or is probably not meant."""
        return [str(mistake) for mistake in self.sorted() if mistake.is_warning]

    def sorted(self) -> list[Mistake]:
        """All mistakes by file, line and column; files in the order in which they were met."""
        files: dict[str, int] = {}
        for mistake in self.mistakes:
            files.setdefault(mistake.place.source, len(files))
        return sorted(
            dict.fromkeys(self.mistakes),
            key=lambda mistake: (files[mistake.place.source], mistake.place.line, mistake.place.column),
        )

    def raise_errors(self) -> None:
        """Raise a ConfigurationError with all errors, if there are any."""
        raise_errors(self.sorted())


#: How messages call a part of a configuration: a text, or what is made one when there is something to tell.
Label = object


class Report:
    """Findings of a configuration, told by path.

    Args:
        where: tells the place of a path.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self.findings = Findings()

    def place(self, path: tuple[str | int, ...]) -> Place:
        """The place of a path."""
        return as_place(self._where(path))

    def error(self, path: tuple[str | int, ...], label: Label, text: str) -> None:
        """Tell an error."""
        self.findings.mistakes.append(Mistake(self.place(path), f"{label}: {text}"))

    def warning(self, path: tuple[str | int, ...], label: Label, text: str) -> None:
        """Tell a warning."""
        self.findings.mistakes.append(Mistake(self.place(path), f"{label}: {text}", is_warning=True))

    def add(self, mistakes: Iterable[Mistake]) -> None:
        """Take over what was found elsewhere."""
        self.findings.mistakes.extend(mistakes)
