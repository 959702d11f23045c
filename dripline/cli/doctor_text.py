"""Findings for a person: a line each, the first broken link at the end."""

from __future__ import annotations

from dripline.doctor.report import BROKEN, WARNING, Finding, Report

_COLOURS = {WARNING: "33", BROKEN: "31"}


def line_of(finding: Finding, colour: bool = False) -> str:
    """A finding in one line.

    Args:
        finding: what is told.
        colour: whether what is not well is coloured.
    """
    state = f"{finding.state:<8}"
    code = _COLOURS.get(finding.state) if colour else None
    remedy = f"; try: {finding.remedy}" if finding.remedy else ""
    shown = f"\033[{code}m{state}\033[0m" if code else state
    return f"{shown} {finding.examination:<13} {finding.text}{remedy}"


def verdict(report: Report) -> str:
    """How it all stands, in one or two lines."""
    lines = [f"{'-':<8} {'not examined':<13} {', '.join(report.left_out)}"] if report.left_out else []
    first = report.first_broken
    warnings = sum(finding.state == WARNING for finding in report.findings)
    if first is not None:
        lines.append(f"the first broken link: {first.examination}: {first.text}")
        if first.remedy:
            lines.append(f"try: {first.remedy}")
    elif warnings:
        lines.append(f"nothing is broken; {warnings} warning{'s' if warnings > 1 else ''}")
    else:
        lines.append("all is well")
    return "\n".join(lines)
