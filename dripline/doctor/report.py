"""What an examination found: a line each, and for what is not well the command to try."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dripline.wire.safe_text import safe_text

OK, WARNING, BROKEN = "ok", "warning", "broken"

#: Exit codes: what must be mended.
CONFIGURATION, BROKER, SERVICE = 2, 1, 3


@dataclass(frozen=True)
class Finding:
    """One line of the list.

    Attributes:
        examination: which one found it, such as `address`.
        state: `ok`, `warning` or `broken`.
        text: what is so, in one line.
        remedy: what to try; empty when all is well.
        exit_code: of the kind, 0 unless something is broken.
        facts: numbers and names for programs.
    """

    examination: str
    state: str
    text: str
    remedy: str = ""
    exit_code: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "examination": self.examination,
            "state": self.state,
            "text": self.text,
            "try": self.remedy or None,
            **({"facts": self.facts} if self.facts else {}),
        }


class Report:
    """All findings, in the order in which they were made.

    Args:
        tell: called with each as soon as it is there.
    """

    def __init__(self, tell: Callable[[Finding], object] = lambda _: None) -> None:
        self.findings: list[Finding] = []
        self.left_out: list[str] = []
        self._tell = tell

    def notes(self, examination: str, exit_code: int) -> Notes:
        """What an examination writes its findings to.

        Args:
            examination: its name.
            exit_code: of what is broken there.
        """
        return Notes(self, examination, exit_code)

    def add(self, finding: Finding) -> None:
        """Take a finding."""
        self.findings.append(finding)
        self._tell(finding)

    def leave_out(self, examinations: Iterable[str]) -> None:
        """Remember what could not be examined, since something before it is broken."""
        self.left_out += examinations

    @property
    def first_broken(self) -> Finding | None:
        """The first broken link; None when there is none."""
        return next((finding for finding in self.findings if finding.state == BROKEN), None)

    @property
    def exit_code(self) -> int:
        """0, or that of the first broken link."""
        return self.first_broken.exit_code if self.first_broken else 0

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        first = self.first_broken
        return {
            "well": first is None,
            "exit_code": self.exit_code,
            "first_broken": first.as_json() if first else None,
            "findings": [finding.as_json() for finding in self.findings],
            "not_examined": self.left_out,
        }


@dataclass(frozen=True)
class Notes:
    """Takes the findings of one examination.

    Attributes:
        report: where they go.
        examination: its name.
        exit_code: of what is broken there.
    """

    report: Report
    examination: str
    exit_code: int

    def ok(self, text: str, **facts: Any) -> None:
        """Tell what is well."""
        self.report.add(Finding(self.examination, OK, one_line(text), facts=facts))

    def warning(self, text: str, remedy: str = "", **facts: Any) -> None:
        """Tell what works, and should be looked at."""
        self.report.add(Finding(self.examination, WARNING, one_line(text), one_line(remedy), facts=facts))

    def broken(self, text: str, remedy: str = "", **facts: Any) -> None:
        """Tell what does not work."""
        self.report.add(Finding(self.examination, BROKEN, one_line(text), one_line(remedy), self.exit_code, facts))


def one_line(text: str) -> str:
    """A text of whatever origin in one line without control characters."""
    return safe_text(" ".join(text.split()))
