"""Switching faults by command, `SIMulate:FAULt silent,1`, where the description has `remote_faults: true`."""

from __future__ import annotations

from collections.abc import Callable

from dripline.simulation.faults import CHANCES, Faults
from dripline.simulation.headers import header_forms
from dripline.simulation.kinds import KINDS
from dripline.simulation.status import ScpiError

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
