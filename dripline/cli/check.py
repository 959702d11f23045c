"""`dl check`: report every problem in configuration files without starting anything."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD
from dripline.programs.output import show, show_json

if TYPE_CHECKING:
    from dripline.config.diagnostics import Diagnostic, Diagnostics

_NOTES = """
Classes are imported but not instantiated: neither instruments nor a broker are needed. Exits with 2 if there
are errors, with 0 if there are only warnings.
"""
_EXAMPLES = """
dl check my_store.yaml
dl check services/*.yaml
dl check --schema > dripline.schema.json
"""
_MISTAKES = 2


@click.command("check", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("files", type=WORD, nargs=-1, metavar="FILE…")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.option("--schema", is_flag=True, help="Print a JSON schema of all installed classes, for editors.")
@click.option("-v", "--verbose", count=True, help="Increase verbosity; can be repeated.")
@click.option("-q", "--quiet", count=True, help="Decrease verbosity; can be repeated.")
@click.pass_context
def check(
    ctx: click.Context, files: Sequence[str], strict: bool, as_json: bool, schema: bool, verbose: int, quiet: int
) -> None:
    """Report every problem in configuration files, with file, line and column."""
    from dripline.errors import ConfigurationError
    from dripline.programs import logs

    logs.set_up(logging.WARNING, verbose, quiet)
    if schema == bool(files):
        raise ConfigurationError("give configuration files, or --schema and no file")
    if schema:
        from dripline.checking.schema import configuration_schema

        _print_json(configuration_schema())
        return
    from dripline.checking import check_files

    found = check_files(files)
    if as_json:
        _print_json([_as_json(one, strict) for one in found.sorted()])
    else:
        _print(found, len(set(files)), strict)
    if found.errors or (strict and found.warnings):
        ctx.exit(_MISTAKES)


def _print(diagnostics: Diagnostics, files: int, strict: bool) -> None:
    for one in diagnostics.sorted():
        show(str(replace(one, text=f"{_severity(one, strict)}: {one.text}")))
    errors, warnings = len(diagnostics.errors), len(diagnostics.warnings)
    if strict:
        errors, warnings = errors + warnings, 0
    found = ", ".join([_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings))
    show(f"{_count(files, 'file')} checked: {found or 'nothing to tell'}")


def _severity(diagnostic: Diagnostic, strict: bool) -> str:
    return "error" if strict else diagnostic.severity


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(diagnostic: Diagnostic, strict: bool) -> dict[str, Any]:
    return {
        "file": diagnostic.place.source or None,
        "line": diagnostic.place.line or None,
        "column": diagnostic.place.column or None,
        "severity": _severity(diagnostic, strict),
        "message": diagnostic.message,
    }


def _print_json(value: Any) -> None:
    import json

    show_json(json.dumps(value, indent=2, ensure_ascii=False))
