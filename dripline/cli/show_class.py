"""`dl extensions show CLASS`: what a class takes, where it comes from, and what messages reach in it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from dripline.cli.command import WORD, Command
from dripline.programs import output

if TYPE_CHECKING:
    from dripline.checking import Argument

_EXAMPLES = """
dl extensions show KeyValueStore
dl extensions show heating.Furnace
dl extensions show Furnace --module-path furnace.py
"""


@click.command("show", cls=Command, examples=_EXAMPLES)
@click.argument("name", type=WORD, metavar="CLASS")
@click.option("--module-path", metavar="FILE", help="Python file that contains the class.")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.option("-v", "--verbose", count=True, help="Increase verbosity; can be repeated.")
@click.option("-q", "--quiet", count=True, help="Decrease verbosity; can be repeated.")
def show(name: str, module_path: str | None, as_json: bool, verbose: int, quiet: int) -> None:
    """Show the arguments of a class, its origin, and what messages can access."""
    from dripline.discovery.class_finder import class_finder
    from dripline.programs import logs

    logs.set_up(logging.WARNING, verbose, quiet)
    facts = describe(class_finder().find(name, module_path))
    if as_json:
        import json

        output.show_json(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print(facts)


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
        **_source(cls),
        "bases": [base.__name__ for base in cls.__mro__[1:] if base is not object],
        "arguments": [_argument(argument) for argument in arguments_of(cls)],
    }
    if issubclass(cls, Endpoint):
        facts |= asdict(message_access_of(cls))
    return facts


def _source(cls: type) -> dict[str, str]:
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


def _print(facts: dict[str, Any]) -> None:
    origin = " ".join(filter(None, (facts["distribution"], facts["version"]))) or "no distribution"
    output.show(f"{facts['class']}: {facts['doc'] or 'no documentation'}")
    output.show(f"from {origin}, {facts['file'] or facts['module']}")
    output.show(f"\nArguments, here and in {', '.join(facts['bases'])}:" if facts["bases"] else "\nArguments:")
    for argument in facts["arguments"]:
        _print_argument(argument)
    for key, title in (("get", "dl get … -s reads"), ("set", "dl set … -s assigns")):
        if facts.get(key):
            output.show(f"\n{title}:")
            output.show(_wrapped(", ".join(facts[key])))
    if facts.get("commands"):
        output.show("\ndl cmd calls:")
    for command in facts.get("commands", ()):
        output.show(f"  {command['name']}{command['signature']}")
        if command["doc"]:
            output.show(_wrapped(command["doc"], indent=6))


def _print_argument(argument: dict[str, Any]) -> None:
    kind = f": {argument['type']}" if argument["type"] else ""
    default = f" = {argument['default']!r}" if argument["has_default"] else ""
    required = "required, " if argument["required"] else ""
    output.show(f"  {argument['name']}{kind}{default}  ({required}{argument['owner']})")
    if argument["doc"]:
        output.show(_wrapped(argument["doc"], indent=6))


def _wrapped(text: str, indent: int = 2) -> str:
    return click.wrap_text(text, 98, " " * indent, " " * indent)
