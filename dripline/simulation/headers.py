"""The names of commands: which spellings stand for the same one.

In SCPI the capital letters of a name are its short form: `VOLTage` is `VOLT` or `VOLTAGE`, in any case of letters.
What stands in brackets may be left out: `SOURce:VOLTage[:LEVel]`.
"""

from __future__ import annotations

import re
from itertools import product

_NAME = re.compile(r"\*?[A-Za-z][A-Za-z0-9_]*(\[:[A-Za-z0-9_]+\]|:[A-Za-z0-9_]+)*")
_STEP = re.compile(r"\[:?(?P<optional>\*?\w+)\]|:?(?P<needed>\*?\w+)")
_MNEMONIC = re.compile(r"([A-Z]+)[a-z]+(\d*)")
# A name with more parts than any instrument's would have millions of spellings.
_MOST_PARTS = 8


def is_name(spelling: str) -> bool:
    """Whether something can be the name of a value: words of letters, digits and `_`, joined by `:`."""
    return bool(_NAME.fullmatch(spelling)) and len(_STEP.findall(spelling)) <= _MOST_PARTS


def forms(spelling: str) -> list[str]:
    """All that a name may be written as, in capitals, the shortest first.

    Args:
        spelling: the name as a manual prints it, such as `SOURce:VOLTage[:LEVel]`.
    """
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
