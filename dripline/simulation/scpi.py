"""SCPI syntax: command names, error queue, event register, value types.

In SCPI the capital letters of a name are its short form: `VOLTage` is `VOLT` or `VOLTAGE`, in any case of letters.
What stands in brackets may be left out: `SOURce:VOLTage[:LEVel]`.
"""

from __future__ import annotations

import math
import re
import string
from collections import deque
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

_NAME = re.compile(r"\*?[A-Za-z][A-Za-z0-9_]*(\[:[A-Za-z0-9_]+\]|:[A-Za-z0-9_]+)*")
_STEP = re.compile(r"\[:?(?P<optional>\*?\w+)\]|:?(?P<needed>\*?\w+)")
_MNEMONIC = re.compile(r"([A-Z]+)[a-z]+(\d*)")
# A name with more parts than any instrument's would have millions of spellings.
_MOST_PARTS = 8


def is_name(spelling: str) -> bool:
    """Whether something can be the name of a value: words of letters, digits and `_`, joined by `:`."""
    return bool(_NAME.fullmatch(spelling)) and len(_STEP.findall(spelling)) <= _MOST_PARTS


def forms(spelling: str) -> list[str]:
    """All spellings of a name such as `SOURce:VOLTage[:LEVel]`, in capitals, the shortest first."""
    choices = []
    for step in _STEP.finditer(spelling):
        words = _words(step["needed"] or step["optional"])
        choices.append([None, *words] if step["optional"] else words)
    found = {":".join(word for word in words if word) for words in product(*choices)}
    return sorted(found, key=lambda form: (len(form), form))


def header_forms(header: str) -> list[str]:
    """All that the header of a command may be written as; one that is no SCPI stands for itself in capitals."""
    name = header.removesuffix("?")
    mark = header[len(name) :]
    name = name.removeprefix(":")
    return [form + mark for form in forms(name)] if is_name(name) else [header.upper()]


def identifier(form: str) -> str:
    """A form as it stands in formulas and answers, where `:` has another meaning: `MEAS_VOLT`."""
    return form.replace(":", "_")


def _words(mnemonic: str) -> list[str]:
    """The short and the long form of one part of a name."""
    parts = _MNEMONIC.fullmatch(mnemonic)
    long = mnemonic.upper()
    return [parts[1] + parts[2], long] if parts else [long]


_LENGTH = 20
_LONGEST_DETAIL = 60

_TEXTS = {
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}

POWER_ON, COMMAND_ERROR, EXECUTION_ERROR, DEVICE_ERROR, OPERATION_COMPLETE = 128, 32, 16, 8, 1


class ScpiError(Exception):
    """A command that the instrument cannot carry out.

    Args:
        number: of the SCPI standard, such as -222.
        detail: what it is about.
    """

    def __init__(self, number: int, detail: str = "") -> None:
        super().__init__(number, detail)
        self.number = number
        self.detail = detail


class Status:
    """Errors and events since they were last asked for."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()
        self._events = POWER_ON
        self.event_enable = 0
        self.service_request_enable = 0

    def add(self, error: ScpiError) -> None:
        """Remember an error; the last place in the queue tells that there were more."""
        self.raise_event(_event_of(error.number))
        if len(self._queue) == _LENGTH:
            self._queue[-1] = _entry(ScpiError(-350))
        else:
            self._queue.append(_entry(error))

    def raise_event(self, bit: int) -> None:
        """Set a bit of the standard event register."""
        self._events |= bit

    def next_error(self) -> str:
        """The oldest error, which is taken out."""
        return self._queue.popleft() if self._queue else '0,"No error"'

    def error_count(self) -> int:
        """How many errors wait."""
        return len(self._queue)

    def take_events(self) -> int:
        """The standard event register, which is cleared."""
        events, self._events = self._events, 0
        return events

    def status_byte(self) -> int:
        """The summary that `*STB?` asks for."""
        summary = 4 * bool(self._queue) + 32 * bool(self._events & self.event_enable)
        return summary + 64 * bool(summary & self.service_request_enable)

    def clear(self) -> None:
        """Forget all errors and events."""
        self._queue.clear()
        self._events = 0


def _event_of(number: int) -> int:
    if -200 < number <= -100:
        return COMMAND_ERROR
    return EXECUTION_ERROR if -300 < number <= -200 else DEVICE_ERROR


def _entry(error: ScpiError) -> str:
    text = _TEXTS[error.number]
    detail = "".join(letter if letter.isprintable() else "?" for letter in error.detail[:_LONGEST_DETAIL])
    quoted = detail.replace('"', "'")
    return f'{error.number},"{text}; {quoted}"' if quoted else f'{error.number},"{text}"'


_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?)\s*(\S*)")
_LONGEST_NUMBER = 100


class Kind:
    """A kind of values.

    Attributes:
        name: as a description calls it.
        is_number: whether it can have noise, drift and limits.
        default: the value when a description has no `initial`.
        default_format: how an answer is written when a description does not say.
    """

    name = "text"
    is_number = False
    default: Any = ""
    default_format = "{}"

    def convert(self, value: Any) -> Any:
        """A value from Python or YAML; ValueError says what is wrong with it."""
        if isinstance(value, (dict, list)):
            raise ValueError(f"must be a text, not {value!r}")
        return str(value)

    def parse(self, text: str, unit: str) -> Any:
        """A value from a command; ScpiError says what is wrong with it."""
        if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
            return text[1:-1].replace(text[0] * 2, text[0])
        return text


class _Float(Kind):
    """Numbers with a fraction."""

    name = "float"
    is_number = True
    default = 0.0
    default_format = "{:.10g}"

    def convert(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise ValueError(f"must be a number, not {value!r}")
        return float(value)

    def parse(self, text: str, unit: str) -> Any:
        match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
        if match is None:
            raise ScpiError(-104, text)
        if match[2] and match[2].lower() != unit.lower():
            raise ScpiError(-131, match[2])
        if not math.isfinite(float(match[1])):
            raise ScpiError(-222, text)
        return self.convert(float(match[1]))


class _Integer(_Float):
    """Whole numbers; others are rounded, as SCPI does."""

    name = "integer"
    default = 0
    default_format = "{:d}"

    def convert(self, value: Any) -> Any:
        return round(super().convert(value))


class _Boolean(Kind):
    """On and off; written as 1 and 0."""

    name = "boolean"
    default = False
    default_format = "{:d}"
    _words = {"ON": True, "OFF": False}  # noqa: RUF012  # nobody changes it

    def convert(self, value: Any) -> Any:
        if not isinstance(value, (bool, int, float)) or not _is_finite(value):
            raise ValueError(f"must be on or off, not {value!r}")
        return bool(value)

    def parse(self, text: str, unit: str) -> Any:
        if text.upper() in self._words:
            return self._words[text.upper()]
        return round(_Float().parse(text, "")) != 0


class Choice(Kind):
    """One of some words, which have short forms as commands do.

    Args:
        words: as a manual prints them, such as `IMMediate`.
    """

    name = "choice"

    def __init__(self, words: Sequence[str]) -> None:
        self._words = {form: word for word in words for form in _spellings(word)}
        self._listed = list(words)
        self.default = words[0]

    def convert(self, value: Any) -> Any:
        """See `Kind`."""
        word = self._words.get(str(value).upper())
        if word is None:
            raise ValueError(f"must be one of {', '.join(self._listed)}, not {value!r}")
        return word

    def parse(self, text: str, unit: str) -> Any:
        """See `Kind`."""
        try:
            return self.convert(super().parse(text, unit))
        except ValueError:
            raise ScpiError(-224, text) from None


#: The kinds that a description can name; `choices` make the other one.
KINDS = {kind.name: kind for kind in (_Float(), _Integer(), _Boolean(), Kind())}


def kind_of(value: Any) -> Kind:
    """The kind of an initial value: numbers are float, on and off boolean."""
    if isinstance(value, bool):
        return KINDS["boolean"]
    return KINDS["text"] if isinstance(value, str) else KINDS["float"]


def _spellings(word: str) -> list[str]:
    return [*forms(word), word.upper()] if word.isidentifier() else [word.upper()]


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


class Answers(string.Formatter):
    """Writes answers: `{VOLT}` is the reading as `VOLT?` answers it, `{VOLT:.2f}` in another format."""

    def __init__(self, reading: Callable[[str], Reading]) -> None:
        self._reading = reading

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """The reading of a name; there are no attributes or items to ask for."""
        return self._reading(field_name), field_name


class Reading:
    """A value on its way into an answer, and how it is written if no format is given."""

    def __init__(self, value: Any, written: str) -> None:
        self._value = value
        self._written = written

    def __format__(self, spec: str) -> str:
        return format(self._value, spec) if spec else self._written
