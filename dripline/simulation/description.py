"""The description of a simulated instrument, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dripline.config.diagnostics import Diagnostics, InvalidConfiguration, Place, Where, error
from dripline.simulation.checks import Section
from dripline.simulation.commands import CommandDescription, read_command
from dripline.simulation.faults import CHANCES
from dripline.simulation.headers import forms, header_forms
from dripline.simulation.value_description import ValueDescription, names_of, read_values


@dataclass(frozen=True)
class Description:
    """An instrument, as described; each field is the key of the same name."""

    name: str
    host: str
    port: int
    command_terminator: str
    response_terminator: str
    identity: str
    echo: bool
    seed: int | None
    remote_faults: bool
    values: tuple[ValueDescription, ...]
    commands: tuple[CommandDescription, ...]
    chances: Mapping[str, bool | float] = field(default_factory=dict)
    delay_s: float = 0.0


def read_description(
    tree: Mapping[str, Any], where: Where = lambda _: Place(), name: str = "instrument"
) -> Description:
    """Check a description.

    Args:
        tree: as it stands in a file.
        where: tells the place of a key for messages, such as `supply.yaml:12:5`.
        name: the instrument's name if the description has none.

    Raises:
        ConfigurationError: a line for each mistake.
    """
    if {"module", "endpoints"} & tree.keys():
        raise InvalidConfiguration([error("this describes a service; 'dl serve' runs it").located(where)])
    found = Diagnostics(where=where)
    top = Section(tree, (), found)
    name = top.text("name", name)
    chances, delay_s = _read_faults(top.section("faults"))
    values = read_values(top.section("values"))
    description = Description(
        name=name,
        host=top.text("host", "localhost"),
        port=top.integer("port", 0, 0, 65535),
        command_terminator=top.text("command_terminator", "\n"),
        response_terminator=top.text("response_terminator", "\n"),
        identity=top.text("identity", f"dripline,{name},0,simulated"),
        echo=top.boolean("echo", False),
        seed=top.integer("seed"),
        remote_faults=top.boolean("remote_faults", False),
        values=values,
        commands=_read_commands(top.section("commands"), values),
        chances=chances,
        delay_s=delay_s,
    )
    if not description.response_terminator:
        top.wrong("response_terminator", "must not be empty: nobody could tell where an answer ends")
    top.finish()
    found.raise_errors()
    return description


def _read_faults(section: Section) -> tuple[dict[str, bool | float], float]:
    chances: dict[str, bool | float] = {}
    for name in CHANCES:
        value = section.raw(name)
        chances[name] = value if isinstance(value, bool) else section.number(name, name == "slow", 0, 1)
    delay_s: float = section.number("delay_s", 0.0, 0)
    if section.has("slow") and not section.has("delay_s"):
        section.wrong("slow", "wants a delay_s: how many seconds such an answer waits")
    section.finish()
    return chances, delay_s


def _read_commands(section: Section, values: tuple[ValueDescription, ...]) -> tuple[CommandDescription, ...]:
    known = names_of(values)
    owners = {form + mark: value.name for value in values for form in forms(value.name) for mark in ("", "?")}
    commands = []
    for key in section:
        command = read_command(key, section, known)
        for form in header_forms(command.header):
            spelled = f"{form} {command.argument}".strip()
            if spelled in owners:
                section.wrong(key, f"{spelled} already is {owners[spelled]!r}; remove one of them")
                break
            owners[spelled] = key
        commands.append(command)
    return tuple(commands)
