"""The map of all files in docs/architecture.md, made from the first line of each module's docstring.

``python tests/docs/file_map.py`` updates it after a module was added, moved or documented differently.
"""

from __future__ import annotations

import ast
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "architecture.md"
HEADING = "## All files\n"
PACKAGES = ("dripline", "scarab", "_dripline")


def summary(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].removesuffix(".")


def file_map() -> str:
    """Return a table for each folder that has modules, in alphabetical order."""
    tables = []
    for folder in sorted({path.parent for package in PACKAGES for path in (PROJECT / package).rglob("*.py")}):
        rows = [
            f"| [{path.name}](../{path.relative_to(PROJECT)}) | {summary(path)} |"
            for path in sorted(folder.glob("*.py"))
            if path.name != "__init__.py"
        ]
        if rows:
            tables.append("\n".join([f"| {folder.relative_to(PROJECT)} | |", "|---|---|", *rows, ""]))
    return "\n".join(tables)


def written_map() -> str:
    """Return the map as the document has it: everything after the heading's paragraph."""
    return DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n\n")[2]


def renew() -> None:
    """Replace the map in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(text.removesuffix(written_map()) + file_map(), encoding="utf-8")


if __name__ == "__main__":
    renew()
