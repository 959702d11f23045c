"""`dl extensions`: which extensions are installed, and whether they work."""

from __future__ import annotations

import json

import click

from dripline.cli.command import Command, Seconds
from dripline.cli.output import complain, show, show_json

_NOTES = """
Each extension is imported in a separate process. DRIPLINE_DISABLE_EXTENSIONS=NAME,NAME disables extensions.
"""
_EXAMPLES = """
dl extensions
dl extensions --json
dl extensions show JitterEntity
"""


class _Extensions(Command, click.Group):
    """Lists when it is called bare; `show` is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["show"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "show":
            ctx.fail(f"no such command {cmd_name!r}; there is 'show CLASS'")
        from dripline.cli.show_class import show

        return show

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([("show CLASS", "Show the arguments of a class and their documentation.")])


@click.group("extensions", cls=_Extensions, invoke_without_command=True, epilog=_NOTES, examples=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="Configuration file whose disabled extensions are disabled here as well.",
)
@click.option(
    "--limit", "limit_s", type=Seconds(min=0.1), default=10.0, metavar="SECONDS",
    help="Maximum time to import one extension  [default: 10]",
)  # fmt: skip
@click.option("-v", "--verbose", count=True, help="Show the traceback of a failed import; can be repeated.")
@click.pass_context
def extensions(ctx: click.Context, as_json: bool, config: str | None, limit_s: float, verbose: int) -> None:
    """List the installed extensions: their origin, their classes, and whether they can be imported."""
    if ctx.invoked_subcommand is not None:
        return
    from dripline.cli.extensions_text import json_of, text_of
    from dripline.discovery.class_finder import class_finder
    from dripline.discovery.disabled import VARIABLE
    from dripline.discovery.inventory import built_in, take_inventory

    finder = class_finder()
    for name in finder.disabled.unknown(finder.index.extensions):
        complain(f"{VARIABLE}: no extension {name!r} is installed")
    if config is not None:
        _apply_rules_of(config)
    listed, ready_made = take_inventory(finder, limit_s), built_in()
    if as_json:
        show_json(json.dumps(json_of(listed, ready_made), indent=2, ensure_ascii=False))
    else:
        show(text_of(listed, ready_made, traces=verbose > 0))


def _apply_rules_of(file: str) -> None:
    from dripline.checking.extension_rules import apply_rules
    from dripline.config.file import load_file
    from dripline.config.source_map import Origin
    from dripline.discovery.class_finder import class_finder
    from dripline.errors import ConfigurationError

    findings = apply_rules(load_file(file), class_finder())
    where = Origin(file).where
    for path, text in findings.warnings:
        complain(f"{where(path)}: {text}")
    if findings.errors:
        raise ConfigurationError("\n".join(f"{where(path)}: {text}" for path, text in findings.errors))
