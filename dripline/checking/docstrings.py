"""What docstrings say about a class and its arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache

_SECTION = re.compile(r"(Args|Arguments|Parameters|Keyword Args):\s*$")
_ATTRIBUTES = re.compile(r"Attributes:\s*$")
_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")


def summary(thing: object) -> str:
    """The first paragraph of a docstring of its own, in one line; empty when there is none."""
    text = _own_docstring(thing)
    return " ".join(text.split("\n\n", 1)[0].split())


@cache
def argument_docs(cls: type) -> dict[str, str]:
    """What the docstrings of a class and its constructor say about arguments, by name, each in one line.

    Args:
        cls: only its own docstrings are read, not those of its bases.
    """
    docs: dict[str, str] = {}
    for thing in (vars(cls).get("__init__"), cls):
        docs.update(_entries(_own_docstring(thing).splitlines(), _SECTION))
    return docs


def attribute_docs(cls: type) -> dict[str, str]:
    """What the docstring of a class says about its attributes, by name."""
    return _entries(_own_docstring(cls).splitlines(), _ATTRIBUTES)


def _own_docstring(thing: object) -> str:
    text = getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _entries(lines: Iterable[str], section: re.Pattern[str]) -> dict[str, str]:
    docs: dict[str, str] = {}
    name, indent, inside = "", 0, False
    for line in lines:
        words = line.strip()
        depth = len(line) - len(line.lstrip())
        if not words:
            continue
        if depth == 0:
            inside, name, indent = section.match(line) is not None, "", 0
        elif inside:
            indent = indent or depth
            entry = _ENTRY.match(words) if depth <= indent else None
            if entry:
                name = entry["name"]
                docs[name] = entry["text"]
            elif name:
                docs[name] = f"{docs[name]} {words}".strip()
    return docs
