"""The layout of `--help`: examples under a heading, options in groups, those of the connection last."""

from __future__ import annotations

import re
from typing import Any

import click

_GENERAL = {"--config", "--verbose", "--quiet", "--version", "--help"}
# What click adds for a range of numbers, such as "  [x>=1]" or "; x>0".
_RANGE = re.compile(r" *\[[\d.]*(<=?)?x[<>][^\]]*\]|; *[\d.]*(<=?)?x[<>][^\]]*(?=\])")


class ConnectionOption(click.Option):
    """An option about the connection to the broker."""


class HelpLayout(click.Command):
    """Lays out the help of a command.

    Args:
        examples: Command lines, one a line, shown as they are.
    """

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, with notes and examples, before its many options."""
        super().format_help_text(ctx, formatter)
        super().format_epilog(ctx, formatter)
        lines = self.examples.strip().splitlines()
        if lines:
            with formatter.section("Examples"):
                for line in lines:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups: of the command, general ones, of the connection."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(_group_of(param), []).append((record[0], _RANGE.sub("", record[1])))
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        for title in ("Options", "General options", "Connection options"):
            if title in groups:
                with formatter.section(title):
                    formatter.write_dl(groups[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: notes come before the options."""


def _group_of(param: click.Parameter) -> str:
    if isinstance(param, ConnectionOption):
        return "Connection options"
    return "General options" if _GENERAL.intersection(param.opts) else "Options"
