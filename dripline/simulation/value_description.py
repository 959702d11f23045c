"""The description of one value of a simulated instrument, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dripline.config.diagnostics import error
from dripline.config.overrides import spell
from dripline.config.suggest import did_you_mean
from dripline.simulation.checks import Section, unknown_name
from dripline.simulation.formula import Formula
from dripline.simulation.headers import forms, identifier, is_name
from dripline.simulation.kinds import KINDS, Choice, Kind, kind_of

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


def read_values(section: Section) -> tuple[ValueDescription, ...]:
    """Read the `values` of a description."""
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
            problems.append(unknown_name(name, known))
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
