"""Faults of an instrument: random, or set by a test."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from dripline.simulation.scpi import KINDS, ScpiError, header_forms

CHANCES = ("silent", "slow", "garbage", "truncated", "late", "disconnect", "refuse")


class Faults:
    """The faults of one instrument, to be switched while it runs.

    Each is True, False or the probability with which a command meets it.

    Args:
        seed: makes the chances the same in each run.

    Attributes:
        silent: the command is carried out and not answered.
        delay_s: how much later answers come.
        slow: which answers come later; all as long as nobody says otherwise.
        garbage: random bytes instead of the answer.
        truncated: the answer breaks off, without its terminator.
        late: the answer comes after that of the next command.
        disconnect: the connection is closed instead of an answer; True does so once.
        refuse: new connections are closed at once.
    """

    __slots__ = (*CHANCES, "_random", "delay_s")

    silent: bool | float
    slow: bool | float
    garbage: bool | float
    truncated: bool | float
    late: bool | float
    disconnect: bool | float
    refuse: bool | float
    delay_s: float

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self.clear()

    def __setattr__(self, name: str, value: Any) -> None:
        is_number = isinstance(value, (bool, int, float))
        if name in CHANCES and not (is_number and 0 <= value <= 1):
            raise ValueError(f"{name} is True, False or a probability from 0 to 1, not {value!r}")
        if name == "delay_s":
            if isinstance(value, bool) or not (is_number and 0 <= value < float("inf")):
                raise ValueError(f"delay_s is a number of seconds, not {value!r}")
            value = float(value)
        super().__setattr__(name, value)

    def clear(self) -> None:
        """End all faults."""
        for name in CHANCES:
            setattr(self, name, name == "slow")
        self.delay_s = 0.0

    def happens(self, name: str) -> bool:
        """Whether a fault happens now; one that happens once is used up by that."""
        value: bool | float = getattr(self, name)
        if value is True and name == "disconnect":
            self.disconnect = False
        return value is True or (value is not False and self._random.random() < value)

    def delay_now_s(self) -> float:
        """How long this answer waits."""
        return self.delay_s if self.delay_s and self.happens("slow") else 0.0

    def cut(self, answer: bytes) -> bytes:
        """The beginning of an answer."""
        return answer[: self._random.randrange(len(answer))] if answer else b""

    def noise_instead(self, answer: bytes, terminator: bytes) -> bytes:
        """As many random bytes as an answer has, none of which ends it."""
        allowed = [value for value in range(256) if value not in terminator and value not in b"\r\n"]
        return bytes(self._random.choices(allowed, k=max(1, len(answer))))


_HEADER = "SIMulate:FAULt"
_CLEAR = f"{_HEADER}:CLEar"


def _switch(faults: Faults, argument: str) -> None:
    name, _, word = argument.replace(",", " ").partition(" ")
    name, word = name.lower(), word.strip()
    if not word:
        raise ScpiError(-109, argument)
    value = {"on": True, "off": False}.get(word.lower())
    if value is None:
        number = KINDS["float"].parse(word, "")
        value = number if name == "delay_s" or number not in (0, 1) else bool(number)
    if name not in (*CHANCES, "delay_s"):
        raise ScpiError(-224, name)
    try:
        setattr(faults, name, value)
    except ValueError:
        raise ScpiError(-222, argument) from None


def _ask(faults: Faults, argument: str) -> str:
    name = argument.lower()
    if name not in (*CHANCES, "delay_s"):
        raise ScpiError(-224, argument)
    return f"{float(getattr(faults, name)):g}"


VENDOR: dict[str, Callable[[Faults, str], str | None]] = {
    _HEADER: _switch,
    f"{_HEADER}?": _ask,
    _CLEAR: lambda faults, _: faults.clear(),
}

_FORMS = tuple(form for header in VENDOR for form in header_forms(header))


def is_about_faults(line: str) -> bool:
    """Whether a line begins with one of these commands: those are heard through all faults."""
    words = line.upper().removeprefix(":").split(maxsplit=1)
    return bool(words) and words[0] in _FORMS
