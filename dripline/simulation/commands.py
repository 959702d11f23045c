"""Commands of an instrument that are no values: what they answer, and which values they set."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dripline.simulation.checks import Section, unknown_name
from dripline.simulation.value_description import ValueDescription


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


class Answers(string.Formatter):
    """Writes answers: `{VOLT}` is the reading as `VOLT?` answers it, `{VOLT:.2f}` in another format.

    Args:
        reading: gives a value and its own format, by name.
    """

    def __init__(self, reading: Callable[[str], _Reading]) -> None:
        self._reading = reading

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """The reading of a name; there are no attributes or items to ask for."""
        return self._reading(field_name), field_name


class _Reading:
    """A value on its way into an answer."""

    def __init__(self, value: Any, written: str) -> None:
        self._value = value
        self._written = written

    def __format__(self, spec: str) -> str:
        return format(self._value, spec) if spec else self._written


def reading(value: Any, written: str) -> _Reading:
    """A value for `Answers`, and how it is written where no format stands."""
    return _Reading(value, written)


def read_command(key: str, section: Section, known: Mapping[str, ValueDescription]) -> CommandDescription:
    """Read one entry of `commands`.

    Args:
        key: the command.
        section: all commands.
        known: the values by all their names.
    """
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

    def look_up(name: str) -> _Reading:
        value = known.get(name.upper())
        if value is None:
            unknown.append("'{}' names no value" if name.isdigit() else unknown_name(name, known))
            return _Reading("", "")
        return _Reading(value.initial, "")

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
            section.wrong(key, unknown_name(key, known))
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
