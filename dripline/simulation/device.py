"""Executes SCPI command lines, without sockets."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.simulation.description import CommandDescription, Description, names_of
from dripline.simulation.faults import VENDOR, Faults
from dripline.simulation.quantity import Quantity
from dripline.simulation.scpi import (
    KINDS,
    OPERATION_COMPLETE,
    Answers,
    Reading,
    ScpiError,
    Status,
    forms,
    header_forms,
)

_UNIT = re.compile(r"""(?:[^;"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*""")


class Device:
    """An instrument that understands lines; one is handled at a time, whoever sent it.

    Args:
        description: of the instrument.
        clock: tells the time in seconds and never goes back.
    """

    def __init__(self, description: Description, clock: Callable[[], float] = time.monotonic) -> None:
        self.description = description
        self.status = Status()
        self.faults = Faults(description.seed)
        self.set_up_faults()
        self.lock = threading.RLock()
        self._clock = clock
        self._begin = clock()
        # Not the one of the faults: switching those must not change the noise.
        chance = random.Random(description.seed)
        self.quantities = {value.name: Quantity(value, chance, self._begin) for value in description.values}
        self._by_identifier = {name: value.name for name, value in names_of(description.values).items()}
        self._by_form = {form: value.name for value in description.values for form in forms(value.name)}
        self._handlers = self._collect_handlers()
        self._answers = Answers(self._reading)
        self._advance()

    def handle(self, line: str) -> str | None:
        """Carry out a line of commands separated by `;`; returns the answers likewise, None if there are none."""
        with self.lock:
            answers = []
            node = ""
            for unit in _units(line):
                header, _, argument = unit.replace("\t", " ").partition(" ")
                found, node = self._find(header.upper(), argument.strip(), node)
                try:
                    answer = found(argument.strip())
                except ScpiError as error:
                    self.status.add(error)
                    continue
                if answer is not None:
                    answers.append(answer)
            return ";".join(answers) if answers else None

    def level(self, name: str) -> Any:
        """A value without noise, by any of its names; KeyError if there is none."""
        with self.lock:
            self._advance()
            return self.quantities[self.name_of(name)].level()

    def put(self, name: str, value: Any) -> None:
        """Have a value at once; ValueError if that cannot be."""
        with self.lock:
            quantity = self.quantities[self.name_of(name)]
            if quantity.description.formula is not None:
                raise ValueError(f"{name} has a formula and cannot be set")
            self._advance()
            try:
                quantity.put(quantity.accepted(quantity.description.kind.convert(value)))
            except ScpiError:
                raise ValueError(f"{name}: {value!r} is beyond the limits") from None
            self._advance()

    def name_of(self, name: str) -> str:
        """The name in the description of a value, by any of its spellings; KeyError if there is none."""
        found = name if name in self.quantities else self._by_form.get(name.upper())
        if found is None:
            raise KeyError(f"{self.description.name} has no value {name!r}{did_you_mean(name, self.quantities)}")
        return found

    def reset(self) -> None:
        """Give all values their first ones again."""
        for quantity in self.quantities.values():
            quantity.reset()
        self._advance()

    def set_up_faults(self) -> None:
        """Have the faults that the description tells, and no others."""
        for name, value in self.description.chances.items():
            setattr(self.faults, name, value)
        self.faults.delay_s = self.description.delay_s

    def _collect_handlers(self) -> dict[str, Callable[[str], str | None]]:
        """What each header does, in all its forms; a description wins over the standard."""
        handlers: dict[str, Callable[[str], str | None]] = {}
        commands = {header: partial(function, self) for header, function in STANDARD.items()}
        if self.description.remote_faults:
            commands.update({header: partial(function, self.faults) for header, function in VENDOR.items()})
        for header, handler in commands.items():
            handlers.update(dict.fromkeys(header_forms(header), handler))
        for form, name in self._by_form.items():
            handlers[form] = partial(self._set, name)
            handlers[f"{form}?"] = partial(self._query, name)
        for command in self.description.commands:
            for form in header_forms(command.header):
                handlers[f"{form} {command.argument}".strip()] = partial(self._run, command)
        return handlers

    def _find(self, header: str, argument: str, node: str) -> tuple[Callable[[str], str | None], str]:
        """What a header does, and the node of the tree that the next one may start from."""
        places = [header] if header.startswith("*") else [header.removeprefix(":")]
        if node and not header.startswith((":", "*")):
            places.insert(0, f"{node}:{header}")
        for place in places:
            handler = self._handlers.get(f"{place} {argument.upper()}") or self._handlers.get(place)
            if handler is not None:
                return handler, node if header.startswith("*") else place.rpartition(":")[0]
        return partial(_undefined, header), node

    def _set(self, name: str, argument: str) -> None:
        quantity = self.quantities[name]
        if quantity.description.read_only:
            raise ScpiError(-113, name)
        if not argument:
            raise ScpiError(-109, name)
        value = quantity.parsed(argument)
        self._advance()
        quantity.approach(value)

    def _query(self, name: str, argument: str) -> str:
        quantity = self.quantities[name]
        self._advance()
        if not argument:
            return quantity.written(quantity.reading())
        value = quantity.special(argument)
        if value is None:
            raise ScpiError(-108, argument)
        return quantity.written(value)

    def _run(self, command: CommandDescription, argument: str) -> str | None:
        if argument.upper() != command.argument:
            raise ScpiError(-108, argument)
        self._advance()
        for name, value in command.sets.items():
            self.quantities[name].approach(value)
        return None if command.answer is None else self._answers.format(command.answer)

    def _reading(self, name: str) -> Reading:
        quantity = self.quantities[self._by_identifier[name.upper()]]
        value = quantity.reading()
        return Reading(value, quantity.written(value))

    def _advance(self) -> None:
        """Bring all values to this moment, those with a formula after those it asks for."""
        now = self._clock()
        done: set[str] = set()
        for name in self.quantities:
            self._advance_one(name, now, done)

    def _advance_one(self, name: str, now: float, done: set[str]) -> None:
        if name in done:
            return
        done.add(name)
        quantity = self.quantities[name]
        formula = quantity.description.formula
        if formula is not None:

            def look_up(asked: str) -> Any:
                if asked == "time_s":
                    return now - self._begin
                other = self._by_identifier[asked.upper()]
                self._advance_one(other, now, done)
                return self.quantities[other].level()

            quantity.follow(formula.evaluate(look_up))
        quantity.advance(now)


class Values(MutableMapping[str, Any]):
    """The values of an instrument by name, in any spelling; without noise.

    One that is assigned is there at once, however slowly the instrument settles.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def __getitem__(self, name: str) -> Any:
        return self._device.level(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._device.put(name, value)

    def __delitem__(self, name: str) -> None:
        raise TypeError("an instrument keeps its values")

    def __iter__(self) -> Iterator[str]:
        return iter(self._device.quantities)

    def __len__(self) -> int:
        return len(self._device.quantities)

    def __repr__(self) -> str:
        return repr(dict(self))


def _units(line: str) -> list[str]:
    """The commands of a line; a `;` in quotes is none between two."""
    return [unit for match in _UNIT.finditer(line) if (unit := match[0].strip())]


def _undefined(header: str, _argument: str) -> None:
    raise ScpiError(-113, header)


# The commands that every SCPI instrument has, described or not.
def _event_enable(device: Device, argument: str) -> None:
    device.status.event_enable = _byte(argument)


def _service_request_enable(device: Device, argument: str) -> None:
    device.status.service_request_enable = _byte(argument)


def _byte(argument: str) -> int:
    value: int = KINDS["integer"].parse(argument, "")
    if not 0 <= value <= 255:
        raise ScpiError(-222, argument)
    return value


STANDARD: dict[str, Callable[[Device, str], str | None]] = {
    "*IDN?": lambda device, _: device.description.identity,
    "*OPC": lambda device, _: device.status.raise_event(OPERATION_COMPLETE),
    "*OPC?": lambda device, _: "1",
    "*WAI": lambda device, _: None,
    "*TST?": lambda device, _: "0",
    "*RST": lambda device, _: device.reset(),
    "*CLS": lambda device, _: device.status.clear(),
    "*ESR?": lambda device, _: str(device.status.take_events()),
    "*ESE": _event_enable,
    "*ESE?": lambda device, _: str(device.status.event_enable),
    "*SRE": _service_request_enable,
    "*SRE?": lambda device, _: str(device.status.service_request_enable),
    "*STB?": lambda device, _: str(device.status.status_byte()),
    "SYSTem:ERRor[:NEXT]?": lambda device, _: device.status.next_error(),
    "SYSTem:ERRor:COUNt?": lambda device, _: str(device.status.error_count()),
    "SYSTem:VERSion?": lambda device, _: "1999.0",
}
