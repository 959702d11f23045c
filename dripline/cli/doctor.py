"""`dl doctor`: find the first problem between this computer and the services."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, Seconds, common_options
from dripline.config.diagnostics import ERROR, WARNING
from dripline.doctor.report import DoctorOptions, Finding, Report
from dripline.programs.common_options import CommonOptions

_NOTES = """
A FILE is checked as `dl check` does. Its mesh is the one that is examined, and its service is one of the
SERVICES. Nothing is changed on the mesh.

Exit code: 0 if everything works, else that of the first problem: 2 installation or configuration, 1 broker, 3
service.
"""
_EXAMPLES = """
dl doctor
dl doctor my_store && echo ready
dl doctor my_store.yaml
dl doctor --json | jq .first_broken
"""


@click.command("doctor", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("words", type=WORD, nargs=-1, metavar="[SERVICE…] [FILE…]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "-t",
    "--timeout",
    "timeout_s",
    type=Seconds(min=0.1),
    default=1.5,
    metavar="S",
    show_default=True,
    help="Maximum wait for each reply, in seconds.",
)
@click.option(
    "--busy-limit", "busy_limit_s", type=Seconds(min=0), default=30, metavar="S", show_default=True,
    help="Report a service as broken if it is busy with one request for longer, in seconds.",
)  # fmt: skip
@common_options
@click.pass_context
def doctor(
    ctx: click.Context,
    common: CommonOptions,
    words: Sequence[str],
    as_json: bool,
    timeout_s: float,
    busy_limit_s: float,
) -> None:
    """Find the first problem between this machine and the services, and suggest a remedy."""
    from dripline.doctor.run import examine
    from dripline.programs import logs
    from dripline.programs.output import show, show_json

    # What goes wrong is told in the list; the log of the parts at work would tell it once more.
    logs.set_up(logging.CRITICAL, common.verbose, common.quiet)
    colour = sys.stdout.isatty()

    def tell(finding: Finding) -> None:
        if not as_json:
            print(line_of(finding, colour), flush=True)  # a finding contains nothing that steers a terminal

    report = Report(tell)
    examine(DoctorOptions.of(words, common, timeout_s, busy_limit_s), report)
    if as_json:
        show_json(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        show(verdict(report))
    ctx.exit(report.exit_code)


_COLOURS = {WARNING: "33", ERROR: "31"}


def line_of(finding: Finding, colour: bool = False) -> str:
    """A finding in one line.

    Args:
        finding: The finding to print.
        colour: whether what is not well is coloured.
    """
    state = f"{finding.state:<8}"
    code = _COLOURS.get(finding.severity) if colour else None
    remedy = f"; try: {finding.remedy}" if finding.remedy else ""
    shown = f"\033[{code}m{state}\033[0m" if code else state
    return f"{shown} {finding.examination:<13} {finding.text}{remedy}"


def verdict(report: Report) -> str:
    """How it all stands, in one or two lines."""
    lines = [f"{'-':<8} {'not examined':<13} {', '.join(report.left_out)}"] if report.left_out else []
    first = report.first_broken
    warnings = sum(finding.severity == WARNING for finding in report.findings)
    if first is not None:
        lines.append(f"the first broken link: {first.examination}: {first.text}")
        if first.remedy:
            lines.append(f"try: {first.remedy}")
    elif warnings:
        lines.append(f"nothing is broken; {warnings} warning{'s' if warnings > 1 else ''}")
    else:
        lines.append("all is well")
    return "\n".join(lines)
