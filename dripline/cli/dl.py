"""`dl`: the group of all subcommands, which are imported when they are called."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import click

from dripline.cli.command import expecting, is_option, run, spellings
from dripline.cli.options import HelpLayout, common_options
from dripline.programs.common_options import CommonOptions

# Name, module, function, and short help; importing all modules for that would be slow.
_COMMANDS = {
    "demo": ("dripline.cli.demo", "demo", "Run a demonstration mesh with simulated instruments."),
    "serve": ("dripline.cli.serve", "serve", "Run services; starts a broker if none is running here."),
    "get": ("dripline.cli.request", "get", "Read an endpoint or one of its attributes."),
    "set": ("dripline.cli.request", "set_", "Set an endpoint or one of its attributes."),
    "cmd": ("dripline.cli.request", "cmd", "Call a method of an endpoint."),
    "alert": ("dripline.cli.alert", "alert", "Send an alert."),
    "mon": ("dripline.cli.mon", "mon", "Follow alerts: a table in a terminal, lines in a pipe."),
    "http-server": ("dripline.cli.web", "http_server", "Serve the mesh over HTTP."),
    "doctor": ("dripline.cli.doctor", "doctor", "Find out why a mesh or a service does not work."),
    "extensions": ("dripline.cli.extensions", "extensions", "List the installed extensions and their classes."),
    "simulate": ("dripline.cli.simulate", "simulate", "Run simulated instruments."),
    "check": ("dripline.cli.check", "check", "Report every problem in configuration files."),
    "new": ("dripline.cli.new", "new", "Create a new extension package."),
    "broker": ("dripline.cli.broker", "broker", "Run an embedded broker, for development and tests."),
}

_EXAMPLES = """
dl demo
dl serve my_store.yaml
dl get peaches
dl COMMAND -h
"""
_NOTES = """
\b
Shell completion, for bash, zsh and fish:
  eval "$(_DL_COMPLETE=bash_source dl)"     in ~/.bashrc
  eval "$(_DL_COMPLETE=zsh_source dl)"      in ~/.zshrc
  _DL_COMPLETE=fish_source dl | source      in ~/.config/fish/config.fish
"""


class _Commands(HelpLayout, click.Group):
    """Imports a command when it is called; options before the command's name are the command's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            from dripline.config.suggest import did_you_mean

            ctx.fail(f"no such command {cmd_name!r}{did_you_mean(cmd_name, _COMMANDS)}")
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        position = self._position_of_command(ctx, args)
        if position:
            args = [args[position], *args[:position], *args[position + 1 :]]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])

    def _position_of_command(self, ctx: click.Context, args: list[str]) -> int:
        options = spellings(self, ctx)
        position = 0
        while position < len(args):
            if not is_option(args[position]):
                return position
            position += 2 if expecting(args[position], options) else 1
        return 0


@click.group("dl", cls=_Commands, epilog=_NOTES, examples=_EXAMPLES, invoke_without_command=True)
@common_options
@click.pass_context
def dl(ctx: click.Context, /, common: CommonOptions) -> None:
    """Control and monitor the services of a dripline mesh.

    `dl COMMAND -h` shows the options of a command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


main = partial(run, dl, "dl")

if __name__ == "__main__":
    main()
