"""Suggestions in messages: the closest known name, a missing space, the extra to install."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dripline.config.diagnostics import Diagnostic, Place
from dripline.errors import ConfigurationError


def did_you_mean(name: str, known: Iterable[str], count: int = 1) -> str:
    """The end of a message about an unknown name.

    Args:
        name: The unknown name.
        known: What could have been meant.
        count: Maximum number of names to suggest, best first.

    Returns:
        `"; did you mean 'calibration'?"`, or an empty text if no known name is similar.
    """
    from difflib import get_close_matches  # only a wrong name costs this import

    by_lower = {candidate.lower(): candidate for candidate in known}
    near = [repr(by_lower[match]) for match in get_close_matches(name.lower(), by_lower, n=count)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def known_map(name: str, value: Any, known: Iterable[str], example: str) -> Mapping[str, Any]:
    """Take a map that has no unknown keys.

    Args:
        name: the key in the configuration that it stands under.
        value: what stands there.
        known: the keys that it may have.
        example: such a map, as it is written in YAML.

    Raises:
        ConfigurationError: it is no map, or has another key; the nearest one is named.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a map such as {example}, not {value!r}")
    known = tuple(known)
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), known) or f"; known: {', '.join(known)}"
            raise ConfigurationError(f"{name}: unknown key {key!r}{hint}")
    return value


# Not `http://…`, nor what has a space after the colon already.
_KEY = r"[A-Za-z_][\w-]*"
_COLON = re.compile(rf"(?P<before>\s*(?:-\s+)*)(?P<key>{_KEY}):(?P<value>[^\s:/][^:]*)")
_DASH = re.compile(rf"(?P<before>\s*)-(?P<rest>{_KEY}:(?:\s.*)?)")
_VALUE = r"(?P<value>[^\s:/][^:\n]*)"
_WHOLE = re.compile(rf"(?P<key>{_KEY}):{_VALUE}", re.DOTALL)
_ENTRY = re.compile(rf"(?P<key>{_KEY}|[-+]?[\d.]+):{_VALUE}", re.DOTALL)  # of a table: {{1:on, 0:off}}


def find_missing_space(text: str, last_line: int) -> Diagnostic | None:
    """Find the line that YAML joined with the next one because a space is missing: `last_line` or one above it."""
    lines = text.splitlines()
    for number in range(min(last_line, len(lines) - 1), max(-1, last_line - 3), -1):
        line = lines[number]
        if match := _DASH.fullmatch(line):
            return _missing_space(number, match, f"dash: '- {match['rest'].strip()}'")
        if match := _COLON.fullmatch(line):
            shown = f"{match['key']}: {match['value'].strip()}"
            return _missing_space(number, match, f"colon: {shown!r}")
    return None


def _missing_space(number: int, match: re.Match[str], text: str) -> Diagnostic:
    return Diagnostic(Place("", number + 1, len(match["before"]) + 1), f"a space is missing after the {text}")


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


_EXTRA = re.compile(r"""\s*;.*\bextra\s*==\s*["']([\w-]+)["']""")


def pip_install(extra: str) -> str:
    """Return the command that installs the libraries of an extra, such as ``pip install 'aiohttp>=3.9'``.

    It names the libraries, so that it works wherever dripline itself was installed from.
    """
    return " ".join(["pip install", *(f"'{library}'" for library in libraries(extra))])


def libraries(extra: str) -> list[str]:
    """Return the requirements of an extra, those of the extras that it includes among them."""
    from importlib.metadata import PackageNotFoundError, requires  # 50 ms, which only these messages cost

    try:
        declared = requires("dripline") or ()
    except PackageNotFoundError:  # imported from a folder, and not installed
        declared = ()
    found: list[str] = []
    for line in declared:
        match = _EXTRA.search(line)
        if match is None or match[1] != extra:
            continue
        requirement = line[: match.start()].strip()
        included = re.fullmatch(r"dripline\[([\w,-]+)\]", requirement)
        found += [one for name in included[1].split(",") for one in libraries(name)] if included else [requirement]
    return found or [f".[{extra}]"]
