"""No two files of the product import each other, directly or by way of others.

Imports inside functions and under `TYPE_CHECKING` count, too: they are how a cycle is hidden from Python and from
import-linter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dripline

ROOT = Path(dripline.__file__).parent.parent
PACKAGES = ("dripline", "scarab", "_dripline")
#: Not code of the product: what `dl demo` and `dl new extension` write.
TEMPLATES = (ROOT / "dripline/programs/demo_files", ROOT / "dripline/programs/scaffold")


def test_files_import_each_other_in_one_direction() -> None:
    """Each file's imports, followed as far as they go, never lead back to it."""
    assert cycles(imports_of_files()) == []


def imports_of_files() -> dict[str, set[str]]:
    """The modules of the product, each with those that it names in an import statement."""
    files = {module_name(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    files = {name: path for name, path in files.items() if not set(path.parents) & set(TEMPLATES)}
    return {name: set(imported(path, files)) - {name} for name, path in files.items()}


def module_name(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a file names in its import statements, wherever they stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from parts & modules.keys()
            if parts - modules.keys():
                yield node.module


def cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules that reach each other, by the algorithm of Tarjan."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for other in sorted(imports[module]):
            if other not in numbers:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], numbers[other])
        if lowest[module] == numbers[module]:
            position = stack.index(module)
            component, stack[position:] = sorted(stack[position:]), []
            if len(component) > 1:
                found.append(component)

    for module in sorted(imports):
        if module not in numbers:
            visit(module)
    return found
