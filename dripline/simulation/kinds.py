"""The kinds of values, and how each is read from a command and written into an answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from dripline.simulation.headers import forms
from dripline.simulation.status import ScpiError

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


class Float(Kind):
    """Numbers with a fraction."""

    name = "float"
    is_number = True
    default = 0.0
    default_format = "{:.10g}"

    def convert(self, value: Any) -> Any:
        """See `Kind`."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise ValueError(f"must be a number, not {value!r}")
        return float(value)

    def parse(self, text: str, unit: str) -> Any:
        """See `Kind`."""
        match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
        if match is None:
            raise ScpiError(-104, text)
        if match[2] and match[2].lower() != unit.lower():
            raise ScpiError(-131, match[2])
        if not math.isfinite(float(match[1])):
            raise ScpiError(-222, text)
        return self.convert(float(match[1]))


class Integer(Float):
    """Whole numbers; others are rounded, as SCPI does."""

    name = "integer"
    default = 0
    default_format = "{:d}"

    def convert(self, value: Any) -> Any:
        """See `Kind`."""
        return round(super().convert(value))


class Boolean(Kind):
    """On and off; written as 1 and 0."""

    name = "boolean"
    default = False
    default_format = "{:d}"
    _words = {"ON": True, "OFF": False}  # noqa: RUF012  # nobody changes it

    def convert(self, value: Any) -> Any:
        """See `Kind`."""
        if not isinstance(value, (bool, int, float)) or not _is_finite(value):
            raise ValueError(f"must be on or off, not {value!r}")
        return bool(value)

    def parse(self, text: str, unit: str) -> Any:
        """See `Kind`."""
        if text.upper() in self._words:
            return self._words[text.upper()]
        return round(Float().parse(text, "")) != 0


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
KINDS = {kind.name: kind for kind in (Float(), Integer(), Boolean(), Kind())}


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
