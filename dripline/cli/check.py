"""`dl check`: tell everything that is wrong with configuration files, without starting anything."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dripline.cli.command import WORD, Command
from dripline.cli.output import show, show_json

if TYPE_CHECKING:
    from dripline.checking import Findings
    from dripline.config.mistakes import Mistake

_EPILOG = """
\b
dl check my_store.yaml
dl check services/*.yaml
dl check --schema > dripline.schema.json

Classes are imported, nothing is made of them: no instrument and no broker is needed. Exit code 2 when something
must be mended, 0 when there are warnings only.
"""
_MISTAKES = 2


@click.command("check", cls=Command, epilog=_EPILOG)
@click.argument("files", type=WORD, nargs=-1, metavar="FILE…")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option("--json", "as_json", is_flag=True, help="Print a list that programs can read.")
@click.option("--schema", is_flag=True, help="Print a JSON Schema of all installed classes, for editors.")
@click.option("-v", "--verbose", count=True, help="Tell more on standard error; repeat for still more.")
@click.option("-q", "--quiet", count=True, help="Tell less; repeat for still less.")
@click.pass_context
def check(
    ctx: click.Context, files: Sequence[str], strict: bool, as_json: bool, schema: bool, verbose: int, quiet: int
) -> None:
    """Tell everything that is wrong with configuration files, file:line:column."""
    from dripline.cli import logs
    from dripline.wire.errors import ConfigurationError

    logs.set_up(logging.WARNING, verbose, quiet)
    if schema == bool(files):
        raise ConfigurationError("give configuration files, or --schema and no file")
    if schema:
        from dripline.checking.schema import configuration_schema

        _print_json(configuration_schema())
        return
    from dripline.checking import check_files

    findings = check_files(files)
    if as_json:
        _print_json([_as_json(mistake, strict) for mistake in findings.sorted()])
    else:
        _print(findings, len(set(files)), strict)
    if findings.errors or (strict and findings.warnings):
        ctx.exit(_MISTAKES)


def _print(findings: Findings, files: int, strict: bool) -> None:
    for mistake in findings.sorted():
        show(str(mistake._replace(text=f"{_severity(mistake, strict)}: {mistake.text}")))
    errors, warnings = len(findings.errors), len(findings.warnings)
    if strict:
        errors, warnings = errors + warnings, 0
    found = ", ".join([_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings))
    show(f"{_count(files, 'file')} checked: {found or 'nothing to tell'}")


def _severity(mistake: Mistake, strict: bool) -> str:
    return "warning" if mistake.is_warning and not strict else "error"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(mistake: Mistake, strict: bool) -> dict[str, Any]:
    return {
        "file": mistake.place.source or None,
        "line": mistake.place.line or None,
        "column": mistake.place.column or None,
        "severity": _severity(mistake, strict),
        "message": mistake.text,
    }


def _print_json(value: Any) -> None:
    import json

    show_json(json.dumps(value, indent=2, ensure_ascii=False))
