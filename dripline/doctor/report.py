"""`DoctorOptions`, `Finding` and the report of all findings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dripline.config.diagnostics import ERROR, OK, WARNING, Diagnostic, Place, Severity
from dripline.programs.common_options import CommonOptions
from dripline.wire.safe_text import safe_text

BROKEN = "broken"

#: Exit codes: what must be mended.
CONFIGURATION, BROKER, SERVICE = 2, 1, 3

_FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class DoctorOptions:
    """What is to be examined.

    Attributes:
        services: names of services that must be there.
        files: configurations to check; services that may be there.
        common: the common options.
        timeout_s: longest wait for each answer.
        busy_limit_s: how long a service may be busy with one request.
    """

    services: list[str]
    files: list[str]
    common: CommonOptions
    timeout_s: float
    busy_limit_s: float

    @classmethod
    def of(
        cls, words: Sequence[str], common: CommonOptions, timeout_s: float, busy_limit_s: float
    ) -> DoctorOptions:
        """Tell the files from the services, and let the first file name the mesh if nothing else does."""
        unique = list(dict.fromkeys(words))
        files = [word for word in unique if _is_file(word)]
        services = [word for word in unique if not _is_file(word)]
        if files and common.config is None:
            common = replace(common, config=files[0])
        return cls(services, files, common, timeout_s, busy_limit_s)


def _is_file(word: str) -> bool:
    """Whether a word of the command line names a file, be it one that is missing."""
    return word.lower().endswith(_FILES) or os.sep in word or os.path.isfile(word)


@dataclass(frozen=True)
class Finding(Diagnostic):
    """One line of the list: a diagnostic without a place in a file.

    Attributes:
        examination: which one found it, such as `address`.
        exit_code: of the kind, 0 unless something is broken.
        facts: numbers and names for programs.
    """

    examination: str = ""
    exit_code: int = 0
    facts: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def state(self) -> str:
        """`ok`, `warning` or `broken`."""
        return BROKEN if self.severity == ERROR else self.severity

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "examination": self.examination,
            "state": self.state,
            "text": self.text,
            "try": self.remedy or None,
            **({"facts": self.facts} if self.facts else {}),
        }


@dataclass
class Report:
    """All findings, in the order in which they were made.

    Attributes:
        on_finding: called with each as soon as it is there.
        findings: all of them.
        left_out: examinations that were not possible, since something before them is broken.
    """

    on_finding: Callable[[Finding], object] = lambda _: None
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def recorder(self, examination: str, exit_code: int) -> FindingRecorder:
        """What an examination reports its findings to.

        Args:
            examination: its name.
            exit_code: of what is broken there.
        """
        return FindingRecorder(self, examination, exit_code)

    @property
    def first_broken(self) -> Finding | None:
        """The first broken link; None when there is none."""
        return next((finding for finding in self.findings if finding.severity == ERROR), None)

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
class FindingRecorder:
    """Records the findings of one examination.

    Attributes:
        report: where they go.
        examination: its name.
        exit_code: of what is broken there.
    """

    report: Report
    examination: str
    exit_code: int

    def ok(self, text: str, **facts: Any) -> None:
        """Record what is well."""
        self._add(OK, text, "", facts)

    def warning(self, text: str, remedy: str = "", **facts: Any) -> None:
        """Record what works, and should be looked at."""
        self._add(WARNING, text, remedy, facts)

    def broken(self, text: str, remedy: str = "", **facts: Any) -> None:
        """Record what does not work."""
        self._add(ERROR, text, remedy, facts)

    def _add(self, severity: Severity, text: str, remedy: str, facts: dict[str, Any]) -> None:
        exit_code = self.exit_code if severity == ERROR else 0
        text, remedy = _one_line(text), _one_line(remedy)
        finding = Finding(Place(), text, severity, remedy, self.examination, exit_code, facts)
        self.report.findings.append(finding)
        self.report.on_finding(finding)


def _one_line(text: str) -> str:
    """A text of whatever origin in one line without control characters."""
    return safe_text(" ".join(text.split()))
