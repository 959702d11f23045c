"""`dl new`: create a new project."""

from __future__ import annotations

import click

from dripline.cli.command import Command
from dripline.config.suggest import did_you_mean

_KINDS = {"extension": "Create a working extension package: classes, YAML files, tests."}


class _New(Command, click.Group):
    """Imports what makes a kind of thing when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _KINDS:
            hint = did_you_mean(cmd_name, _KINDS) or f"; there is: {', '.join(_KINDS)}"
            ctx.fail(f"nothing new is called {cmd_name!r}{hint}")
        from dripline.cli.new_extension import extension

        return extension

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(f"{kind} NAME", text) for kind, text in _KINDS.items()])


@click.group("new", cls=_New, invoke_without_command=True)
@click.pass_context
def new(ctx: click.Context) -> None:
    """Create a new project."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
