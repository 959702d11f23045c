"""`dl new`: create an extension package."""

from __future__ import annotations

import shlex

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD
from dripline.config.suggest import did_you_mean
from dripline.programs.output import show
from dripline.runtime.state_folder import user_path

_EXAMPLES = """
dl new extension lab_heating
dl new extension lab_heating --directory ~/src/lab-heating
"""
_KINDS = {"extension": "Create a working extension package: classes, YAML files, tests."}


@click.command("extension", cls=Command, examples=_EXAMPLES)
@click.argument("name", type=WORD)
@click.option("--directory", metavar="D", help="Folder to create  [default: NAME]")
@click.option("-v", "--verbose", count=True, help="Show the traceback of an error; can be repeated.")
def extension(name: str, directory: str | None, verbose: int) -> None:
    """Create a working extension package: an endpoint, a service, YAML files and tests."""
    from dripline.programs.extension_scaffold import check_name, write_extension

    check_name(name)
    folder = user_path(name if directory is None else directory, "--directory")
    for path in write_extension(name, folder):
        show(f"wrote {path}")
    show("\ntry next:")
    install = f"cd {shlex.quote(str(folder))} && pip install -e '.[test]' && pytest"
    for command in (install, "dl simulate simulated_supply.yaml", f"dl serve {name}.yaml"):
        show(f"  {command}")


class _New(Command, click.Group):
    """Imports what makes a kind of thing when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _KINDS:
            hint = did_you_mean(cmd_name, _KINDS) or f"; there is: {', '.join(_KINDS)}"
            ctx.fail(f"nothing new is called {cmd_name!r}{hint}")
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
