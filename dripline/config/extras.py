"""How to install the libraries that optional features need."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

_EXTRA = re.compile(r"""\s*;.*\bextra\s*==\s*["']([\w-]+)["']""")


def pip_install(extra: str) -> str:
    """Return the command that installs the libraries of an extra, such as ``pip install 'aiohttp>=3.9'``.

    It names the libraries, so that it works wherever dripline itself was installed from.

    Args:
        extra: Name of an optional dependency group of dripline.
    """
    return " ".join(["pip install", *(f"'{library}'" for library in libraries(extra))])


def libraries(extra: str) -> list[str]:
    """Return the requirements of an extra, those of the extras that it includes among them."""
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
