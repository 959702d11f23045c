"""The first line of a class's documentation, read from the text of its package: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Collection

from dripline.discovery.exported_names import file_beside

# Follows `from .part import Name`; a package deeper than this is read no further.
_DEEPEST = 8


def first_line(documentation: object) -> str:
    """The first line of a docstring that says something; `__doc__` may be anything."""
    text = documentation if isinstance(documentation, str) else ""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line), "")


def read_docs(file: str, names: Collection[str], depth: int = 0) -> dict[str, str]:
    """Read what classes say about themselves.

    Args:
        file: the source in which the names stand, a package's `__init__.py`.
        names: those wanted.
        depth: how many imports led here.

    Returns:
        First lines by name, of those names that are classes in this package; empty where there is no docstring.
    """
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read(), file)
    except (OSError, SyntaxError, ValueError):
        return {}  # why it cannot be read is told by who imports it
    docs: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and depth < _DEEPEST:
            docs.update(_of_part(file, node, names, depth))
    docs.update(
        (node.name, first_line(ast.get_docstring(node)))
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in names
    )
    return docs


def _of_part(file: str, node: ast.ImportFrom, names: Collection[str], depth: int) -> dict[str, str]:
    part = file_beside(file, node.level, node.module)
    if part is None or part == file:
        return {}
    if any(alias.name == "*" for alias in node.names):
        return read_docs(part, names, depth + 1)
    wanted = {alias.name: alias.asname or alias.name for alias in node.names}
    found = read_docs(part, [name for name, here in wanted.items() if here in names], depth + 1)
    return {wanted[name]: doc for name, doc in found.items()}
