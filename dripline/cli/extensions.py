"""`dl extensions`: list installed extensions and their state; `show` describes one class."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, Seconds
from dripline.discovery.inventory import DISABLED, BuiltIn, Listed, short_path
from dripline.programs.output import complain, show, show_json, terminal_size
from dripline.wire import VERSION

if TYPE_CHECKING:
    from dripline.checking import Argument

_NOTES = """
Each extension is imported in a separate process. DRIPLINE_DISABLE_EXTENSIONS=NAME,NAME disables extensions.
"""
_EXAMPLES = """
dl extensions
dl extensions --json
dl extensions show JitterEntity
"""


_SHOW_EXAMPLES = """
dl extensions show KeyValueStore
dl extensions show heating.Furnace
dl extensions show Furnace --module-path furnace.py
"""


class _Extensions(Command, click.Group):
    """Lists when it is called bare."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["show"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "show":
            ctx.fail(f"no such command {cmd_name!r}; there is 'show CLASS'")
        return show_class

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
    from dripline.discovery.class_finder import class_finder
    from dripline.discovery.index import VARIABLE
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
    from dripline.config.diagnostics import Diagnostics
    from dripline.config.file import load_file
    from dripline.config.source_map import SourceMap
    from dripline.discovery.class_finder import class_finder

    found = Diagnostics(where=SourceMap(file).place)
    for one in apply_rules(load_file(file), class_finder()):
        found.add(one)
    for line in found.warnings:
        complain(line)
    found.raise_errors()


_WIDEST_NAME = 32


def json_of(listed: Sequence[Listed], ready_made: Sequence[BuiltIn]) -> dict[str, Any]:
    """The list for programs."""
    return {
        "extensions": [one.as_json() for one in listed],
        "built_in": [{**asdict(one), "missing": one.missing or None} for one in ready_made],
    }


def text_of(listed: Sequence[Listed], ready_made: Sequence[BuiltIn], traces: bool = False) -> str:
    """The list for people.

    Args:
        listed: the extensions.
        ready_made: dripline's own classes.
        traces: whether to show where broken extensions break.
    """
    lines = [] if listed else ["no extension is installed", ""]
    for one in listed:
        lines += [*_extension(one, traces), ""]
    lines.append(f"built in: dripline {VERSION}")
    rows = [(one.name, one.kind, _remark(one) or one.doc) for one in ready_made]
    return "\n".join([*lines, *_rows(rows)])


def _remark(one: BuiltIn) -> str:
    return f"needs {one.missing}" if one.missing else ""


def _extension(one: Listed, traces: bool) -> list[str]:
    source = one.extension.source
    known = f"{source.distribution} {source.version}".strip() or "no distribution"
    place = f"in development at {short_path(source.project)}" if source.project else ""
    if not source.distribution and one.extension.place:
        place = short_path(one.extension.place)
    state = ": ".join(part for part in (one.state if one.state != DISABLED else "", one.reason) if part)
    lines = [f"{one.extension.name}: {state}", "  " + ", ".join(filter(None, (known, one.origin, place)))]
    lines += _rows([(cls["name"], cls["kind"], cls["doc"]) for cls in one.classes])
    if one.others:
        lines.append(f"  and {', '.join(one.others)}")
    lines += [f"  note: {note}" for note in one.notes]
    return lines + (indent(one.trace.rstrip(), "  | ").splitlines() if traces and one.trace else [])


def _rows(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Names, kinds and texts in columns, no line longer than the terminal is wide."""
    columns = terminal_size().columns
    width = min(max((len(name) for name, _, _ in rows), default=0), _WIDEST_NAME)
    lines = (f"  {name.ljust(width)}  {kind or '-':8}  {text}".rstrip() for name, kind, text in rows)
    return [line if len(line) <= columns else line[: columns - 1] + "…" for line in lines]


# -- dl extensions show ----------------------------------------------------------------------------------------


@click.command("show", cls=Command, examples=_SHOW_EXAMPLES)
@click.argument("name", type=WORD, metavar="CLASS")
@click.option("--module-path", metavar="FILE", help="Python file that contains the class.")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.option("-v", "--verbose", count=True, help="Increase verbosity; can be repeated.")
@click.option("-q", "--quiet", count=True, help="Decrease verbosity; can be repeated.")
def show_class(name: str, module_path: str | None, as_json: bool, verbose: int, quiet: int) -> None:
    """Show the arguments of a class, its origin, and what messages can access."""
    from dripline.discovery.class_finder import class_finder
    from dripline.programs import logs

    logs.set_up(logging.WARNING, verbose, quiet)
    facts = describe(class_finder().find(name, module_path))
    if as_json:
        show_json(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print_class(facts)


def describe(cls: type) -> dict[str, Any]:
    """All that is known about a class, as it is printed with `--json`.

    Args:
        cls: any class.
    """
    from dataclasses import asdict

    from dripline.checking import arguments_of
    from dripline.checking.arguments import summary
    from dripline.checking.message_access import message_access_of
    from dripline.core.endpoint import Endpoint

    facts: dict[str, Any] = {
        "class": cls.__name__,
        "module": cls.__module__,
        "doc": summary(cls),
        **_origin_of(cls),
        "bases": [base.__name__ for base in cls.__mro__[1:] if base is not object],
        "arguments": [_argument(argument) for argument in arguments_of(cls)],
    }
    if issubclass(cls, Endpoint):
        facts |= asdict(message_access_of(cls))
    return facts


def _origin_of(cls: type) -> dict[str, str]:
    import inspect

    from dripline.checking.arguments import is_ours
    from dripline.discovery.distributions import source_of
    from dripline.wire import VERSION

    try:
        file = inspect.getfile(cls)
    except (OSError, TypeError):
        file = ""
    if is_ours(cls):
        return {"distribution": "dripline", "version": VERSION, "file": file}
    source = source_of(file) if file else None
    return {
        "distribution": source.distribution if source else "",
        "version": source.version if source else "",
        "file": file,
    }


def _argument(argument: Argument) -> dict[str, Any]:
    from dripline.checking import MISSING
    from dripline.checking.schema import is_json

    default = list(argument.default) if isinstance(argument.default, tuple) else argument.default
    has_default = default is not MISSING
    plain = default if is_json(default) else repr(default)
    return {
        "name": argument.name,
        "required": argument.required,
        "default": plain if has_default else None,
        "has_default": has_default,
        "type": "" if argument.annotation is MISSING else _type_name(argument.annotation),
        "doc": argument.doc,
        "owner": argument.owner.__name__,
    }


def _type_name(annotation: Any) -> str:
    import inspect
    import re

    # `Mapping[str, float]` says enough.
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", inspect.formatannotation(annotation))


def _print_class(facts: dict[str, Any]) -> None:
    origin = " ".join(filter(None, (facts["distribution"], facts["version"]))) or "no distribution"
    show(f"{facts['class']}: {facts['doc'] or 'no documentation'}")
    show(f"from {origin}, {facts['file'] or facts['module']}")
    show(f"\nArguments, here and in {', '.join(facts['bases'])}:" if facts["bases"] else "\nArguments:")
    for argument in facts["arguments"]:
        _print_argument(argument)
    for key, title in (("get", "dl get … -s reads"), ("set", "dl set … -s assigns")):
        if facts.get(key):
            show(f"\n{title}:")
            show(_wrapped(", ".join(facts[key])))
    if facts.get("commands"):
        show("\ndl cmd calls:")
    for command in facts.get("commands", ()):
        show(f"  {command['name']}{command['signature']}")
        if command["doc"]:
            show(_wrapped(command["doc"], indent=6))


def _print_argument(argument: dict[str, Any]) -> None:
    kind = f": {argument['type']}" if argument["type"] else ""
    default = f" = {argument['default']!r}" if argument["has_default"] else ""
    required = "required, " if argument["required"] else ""
    show(f"  {argument['name']}{kind}{default}  ({required}{argument['owner']})")
    if argument["doc"]:
        show(_wrapped(argument["doc"], indent=6))


def _wrapped(text: str, indent: int = 2) -> str:
    return click.wrap_text(text, 98, " " * indent, " " * indent)
