"""`name:pears` and `-name: pears`: a space is missing, and YAML reads text or blames another line."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

# Not `http://…`, nor what has a space after the colon already.
_KEY = r"[A-Za-z_][\w-]*"
_COLON = re.compile(rf"(?P<before>\s*(?:-\s+)*)(?P<key>{_KEY}):(?P<value>[^\s:/][^:]*)")
_DASH = re.compile(rf"(?P<before>\s*)-(?P<rest>{_KEY}:(?:\s.*)?)")
_VALUE = r"(?P<value>[^\s:/][^:\n]*)"
_WHOLE = re.compile(rf"(?P<key>{_KEY}):{_VALUE}", re.DOTALL)
_ENTRY = re.compile(rf"(?P<key>{_KEY}|[-+]?[\d.]+):{_VALUE}", re.DOTALL)  # of a table: {{1:on, 0:off}}


class MissingSpace(NamedTuple):
    """Where a space is missing, counted from 0.

    Attributes:
        line: The line.
        column: Where the key or dash is.
        text: What to write instead.
    """

    line: int
    column: int
    text: str


def find_missing_space(text: str, last_line: int) -> MissingSpace | None:
    """Find the line that YAML joined with the next one because a space is missing.

    Args:
        text: The YAML text.
        last_line: The line that YAML complains about; the cause is there or above.
    """
    lines = text.splitlines()
    for number in range(min(last_line, len(lines) - 1), max(-1, last_line - 3), -1):
        line = lines[number]
        if match := _DASH.fullmatch(line):
            return MissingSpace(number, len(match["before"]), f"after the dash: '- {match['rest'].strip()}'")
        if match := _COLON.fullmatch(line):
            shown = f"{match['key']}: {match['value'].strip()}"
            return MissingSpace(number, len(match["before"]), f"after the colon: {shown!r}")
    return None


def missing_space_hint(value: Any) -> str:
    """The end of a message about text where a mapping is required; empty if no space seems to be missing."""
    match = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return f"; {_after_colon(match)}" if match is not None else ""


def missing_space_in_entry(key: str) -> str:
    """The message about a key without a value in a table in braces; empty if no space seems to be missing."""
    match = _ENTRY.fullmatch(key)
    return _after_colon(match) if match is not None else ""


def _after_colon(match: re.Match[str]) -> str:
    return f"a space is missing after the colon: {match['key'] + ': ' + match['value']!r}"
