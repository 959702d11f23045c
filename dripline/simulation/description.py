"""Reads and checks the YAML description of an instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dripline.config.diagnostics import Diagnostics, InvalidConfiguration, Place, Where, error
from dripline.config.overrides import spell
from dripline.config.suggest import did_you_mean
from dripline.simulation.faults import CHANCES
from dripline.simulation.formula import Formula
from dripline.simulation.scpi import (
    KINDS,
    Answers,
    Choice,
    Kind,
    Reading,
    forms,
    header_forms,
    identifier,
    is_name,
    kind_of,
)
from dripline.simulation.section import Section


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
    values = _read_values(top.section("values"))
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
        command = _read_command(key, section, known)
        for form in header_forms(command.header):
            spelled = f"{form} {command.argument}".strip()
            if spelled in owners:
                section.wrong(key, f"{spelled} already is {owners[spelled]!r}; remove one of them")
                break
            owners[spelled] = key
        commands.append(command)
    return tuple(commands)


_NUMBERS_ONLY = ("noise", "drift", "random_walk", "min", "max", "settling_s")


@dataclass(frozen=True)
class ValueDescription:
    """A value, as described.

    Attributes:
        name: as it is written there, such as `VOLTage`.
        kind: float, integer, boolean, text or one of some choices.
        initial: its value at first and after `*RST`.
        unit: may stand behind the number in a command.
        minimum: what is below is refused.
        maximum: what is above is refused.
        noise: standard deviation of each reading.
        drift: change per second.
        random_walk: standard deviation of the change in one second, grows with the root of the time.
        settling_s: time constant with which a new value is approached.
        read_only: it cannot be set by a command.
        format: how the answer is written.
        formula: computes it from other values.
    """

    name: str
    kind: Kind
    initial: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    noise: float = 0.0
    drift: float = 0.0
    random_walk: float = 0.0
    settling_s: float = 0.0
    read_only: bool = False
    format: str = "{}"
    formula: Formula | None = None

    def is_beyond(self, value: Any) -> bool:
        """Whether a value of this kind lies outside the limits."""
        low, high = self.minimum, self.maximum
        return (low is not None and value < low) or (high is not None and value > high)


def names_of(values: tuple[ValueDescription, ...]) -> dict[str, ValueDescription]:
    """Each value by all that formulas and answers may call it, in capitals."""
    return {identifier(form): value for value in values for form in forms(value.name)}


def _read_values(section: Section) -> tuple[ValueDescription, ...]:
    values: list[ValueDescription] = []
    owners: dict[str, str] = {}
    for name in section:
        if not is_name(name):
            section.wrong(name, "is no name of a value; such are words joined by ':', without '?' and blanks")
            section.raw(name)
            continue
        taken = next((form for form in forms(name) if form in owners), None)
        if taken:
            section.wrong(name, f"{taken} already is {owners[taken]!r}; choose another name")
        owners.update((form, name) for form in forms(name) if form not in owners)
        values.append(_read_value(name, section))
    known = names_of(tuple(values))
    for value in values:
        _check_formula(value, known, section)
    return tuple(values)


def _read_value(name: str, parent: Section) -> ValueDescription:
    given = parent.raw(name)
    section = parent.section(name) if isinstance(given, Mapping) or given is None else None
    if section is None:  # VOLTage: 5 is VOLTage: {initial: 5}
        section = Section({"initial": given}, (*parent.path, name), parent.found)
    kind = _read_kind(section)
    formula = _read_formula(section)
    minimum, maximum = section.number("min"), section.number("max")
    value = ValueDescription(
        name=name,
        kind=kind,
        initial=_read_initial(section, kind, minimum, maximum),
        unit=section.text("unit", ""),
        minimum=minimum,
        maximum=maximum,
        noise=section.number("noise", 0.0, 0),
        drift=section.number("drift", 0.0),
        random_walk=section.number("random_walk", 0.0, 0),
        settling_s=section.number("settling_s", 0.0, 0),
        read_only=section.boolean("read_only", False) or formula is not None,
        format=_read_format(section, kind),
        formula=formula,
    )
    if not kind.is_number:
        for key in _NUMBERS_ONLY:
            if section.has(key):
                section.wrong(key, f"is for numbers, and this value is of type {kind.name}")
    section.finish()
    return value


def _read_kind(section: Section) -> Kind:
    choices, name = section.raw("choices"), section.text("type", "")
    if choices is not None:
        if not isinstance(choices, list) or not choices or not all(isinstance(word, str) for word in choices):
            section.wrong("choices", f"must be a list of words, not {choices!r}; quote on, off and numbers")
            return KINDS["text"]
        if name not in ("", "choice"):
            section.wrong("type", f"is 'choice' where there are choices, not {name!r}")
        return Choice(choices)
    if name == "choice":
        section.wrong("type", "'choice' wants choices: a list of words")
    elif name and name not in KINDS:
        section.wrong("type", f"must be {', '.join(KINDS)} or choice, not {name!r}{did_you_mean(name, KINDS)}")
    return KINDS[name] if name in KINDS else kind_of(section.raw("initial"))


def _read_initial(section: Section, kind: Kind, minimum: float | None, maximum: float | None) -> Any:
    if minimum is not None and maximum is not None and minimum > maximum:
        section.wrong("min", f"is above max ({maximum:g})")
    if not section.has("initial"):
        return _within(kind, minimum, maximum)
    try:
        initial = kind.convert(section.raw("initial"))
    except ValueError as error:
        section.wrong("initial", str(error))
        return kind.default
    if kind.is_number and minimum is not None and initial < minimum:
        section.wrong("initial", f"is below min ({minimum:g})")
    if kind.is_number and maximum is not None and initial > maximum:
        section.wrong("initial", f"is above max ({maximum:g})")
    return initial


def _within(kind: Kind, minimum: float | None, maximum: float | None) -> Any:
    """The default of a kind, or what is nearest to it between the limits."""
    if not kind.is_number:
        return kind.default
    low = kind.default if minimum is None else max(kind.default, minimum)
    return kind.convert(low if maximum is None else min(low, maximum))


def _read_format(section: Section, kind: Kind) -> str:
    template = section.text("format", kind.default_format)
    try:
        template.format(kind.default, unit="")
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        section.wrong("format", f"{template!r} cannot write a {kind.name} such as {kind.default!r}: {error}")
    return template


def _read_formula(section: Section) -> Formula | None:
    if not section.has("formula"):
        return None
    for key in ("initial", "drift", "random_walk"):
        if section.has(key):
            section.wrong(key, "cannot stand beside a formula, which says what the value is")
    try:
        return Formula(section.text("formula", "0"))
    except ValueError as failure:
        section.wrong("formula", str(failure))
        return None


def _check_formula(value: ValueDescription, known: Mapping[str, ValueDescription], section: Section) -> None:
    if value.formula is None:
        return
    path = (*section.path, value.name, "formula")
    problems = []
    if not value.kind.is_number and value.kind.name != "boolean":
        problems.append(f"computes a number, and this value is of type {value.kind.name}")
    for name in sorted(value.formula.names):
        if name.upper() not in known and name != "time_s":
            problems.append(_unknown_name(name, known))
    if _leads_back(value, known):
        problems.append("asks for itself, by way of the formulas of others")
    for text in problems:
        section.found.add(error(text), path, spell(path))


def _leads_back(value: ValueDescription, known: Mapping[str, ValueDescription]) -> bool:
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        formula = waiting.pop().formula
        asked = [known[name.upper()] for name in (formula.names if formula else ()) if name.upper() in known]
        if value in asked:
            return True
        waiting += [other for other in asked if other.name not in seen]
        seen.update(other.name for other in asked)
    return False


@dataclass(frozen=True)
class CommandDescription:
    """A command, as described.

    Attributes:
        header: its first word, such as `MEASure:ALL?`.
        argument: what must follow, in capitals; mostly nothing.
        answer: what it answers, with the names of values in braces; None if nothing.
        sets: values that it sets.
    """

    header: str
    argument: str = ""
    answer: str | None = None
    sets: Mapping[str, Any] = field(default_factory=dict)


def _read_command(key: str, section: Section, known: Mapping[str, ValueDescription]) -> CommandDescription:
    header, _, argument = key.strip().partition(" ")
    if not header or ";" in key:
        section.wrong(key, "is no command: ';' stands between two")
    given = section.raw(key)
    answer, sets = given, {}
    if isinstance(given, Mapping):
        block = section.section(key)
        answer = block.raw("answer")
        sets = _read_sets(block.section("set"), known)
        block.finish()
    if isinstance(answer, (bool, Mapping, list)):
        section.wrong(key, f"must be the text of the answer, not {answer!r}; quote on and off")
        answer = None
    if answer is not None:
        answer = str(answer)
        _check_answer(key, answer, section, known)
    return CommandDescription(header, argument.strip().upper(), answer, sets)


def _check_answer(key: str, answer: str, section: Section, known: Mapping[str, ValueDescription]) -> None:
    unknown = []

    def look_up(name: str) -> Reading:
        value = known.get(name.upper())
        if value is None:
            unknown.append("'{}' names no value" if name.isdigit() else _unknown_name(name, known))
            return Reading("", "")
        return Reading(value.initial, "")

    try:
        Answers(look_up).format(answer)
    except (ValueError, TypeError, LookupError) as error:
        if not unknown:
            section.wrong(key, f"{answer!r} is no answer: {error}; a brace that is meant is written twice")
    for text in unknown:
        section.wrong(key, text)


def _read_sets(section: Section, known: Mapping[str, ValueDescription]) -> dict[str, Any]:
    sets: dict[str, Any] = {}
    for key in section:
        value = known.get(key.upper().replace(":", "_"))
        given = section.raw(key)
        if value is None:
            section.wrong(key, _unknown_name(key, known))
        elif value.formula is not None:
            section.wrong(key, "has a formula and cannot be set")
        else:
            try:
                sets[value.name] = value.kind.convert(given)
            except ValueError as error:
                section.wrong(key, str(error))
                continue
            if value.is_beyond(sets[value.name]):
                section.wrong(key, f"is beyond the limits of {value.name}")
    return sets


def _unknown_name(name: str, known: Mapping[str, ValueDescription]) -> str:
    return f"there is no value {name!r}{did_you_mean(name, known)}"
