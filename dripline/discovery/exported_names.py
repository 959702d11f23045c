"""Names and class summaries in a Python file, read from its source without importing it.

An extension is imported only when a class of it is wanted, so its names must be known before.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace

# Follows `from .part import *`; a package deeper than this is read no further.
_DEEPEST = 8


@dataclass
class Exports:
    """What the text of a module tells about its names.

    Attributes:
        names: what it offers: its `__all__`, or without one its classes and what it takes from its own parts.
        others: further public names in it.
        complete: False when `__all__` is made by something that only running it can tell.
        classes: those that are defined in the file itself.
        imported: modules by name, for names that are taken from other packages.
    """

    names: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    complete: bool = True
    classes: set[str] = field(default_factory=set)
    imported: dict[str, str] = field(default_factory=dict)


def read_exports(file: str, depth: int = 0) -> Exports:
    """Read the exported names of a module.

    Args:
        file: the module's source, a package's `__init__.py`.
        depth: how many `import *` led here.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: the file is no Python; ValueError: it is not even text.
    """
    with open(file, "rb") as source:
        tree = ast.parse(source.read(), file)
    reader = _Reader(file, depth)
    reader.visit(tree)
    return reader.exports()


class _Reader(ast.NodeVisitor):
    """Collects names from the statements of a module, those below `try`, `if` and `with` too."""

    def __init__(self, file: str, depth: int) -> None:
        self._file = file
        self._depth = depth
        self._all: set[str] | None = None
        self._own: set[str] = set()
        self._found = Exports()
        # Names that hold the `__all__` of a part: `from .part import __all__ as part_all`.
        self._lists: dict[str, set[str]] = {}

    def exports(self) -> Exports:
        own = {name for name in self._own if not name.startswith("_")}
        others = {name for name in self._found.others if not name.startswith("_")}
        names = own if self._all is None else self._all
        return replace(self._found, names=names, others=(own | others) - names)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Module, ast.Try, ast.If, ast.With, ast.ExceptHandler)):
            super().generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._own.add(node.name)
        self._found.classes.add(node.name)

    def visit_Assign(self, node: ast.Assign) -> None:
        targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if "__all__" in targets:
            self._start_all(node.value)
        else:
            self._found.others.update(targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if _is_all(node.target) and node.value:
            self._start_all(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if _is_all(node.target):
            self._extend(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_all(call.func.value)):
            return
        if call.func.attr == "append":
            self._extend(ast.List(elts=call.args))
        elif call.func.attr == "extend" and call.args:
            self._extend(call.args[0])
        else:
            self._found.complete = False

    def visit_Import(self, node: ast.Import) -> None:
        self._found.others.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            if alias.name == "*":
                self._own |= self._part(node)
            elif alias.name == "__all__":
                self._lists[name] = self._part(node)
            elif node.level:
                self._own.add(name)
            else:
                self._found.others.add(name)
                self._found.imported[name] = node.module or ""

    def _start_all(self, value: ast.expr) -> None:
        self._lists["__all__"] = self._all or set()  # it may be in its own new value
        self._all = set()
        self._extend(value)

    def _extend(self, value: ast.expr) -> None:
        """Add what an expression adds to `__all__`."""
        self._all = set() if self._all is None else self._all
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            self._extend(value.left)
            self._extend(value.right)
        elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            for item in value.elts:
                self._add_item(item)
        elif isinstance(value, ast.Name) and value.id in self._lists:
            self._all |= self._lists[value.id]
        else:
            self._found.complete = False

    def _add_item(self, item: ast.expr) -> None:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            assert self._all is not None
            self._all.add(item.value)
        elif isinstance(item, ast.Starred):
            self._extend(item.value)
        else:
            self._found.complete = False

    def _part(self, statement: ast.ImportFrom) -> set[str]:
        """What `import *` from a part of the same package brings."""
        file = file_beside(self._file, statement.level, statement.module) if statement.level else None
        if file is None or self._depth >= _DEEPEST:
            self._found.complete = False
            return set()
        part = read_exports(file, self._depth + 1)
        self._found.complete &= part.complete
        return part.names


def _is_all(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "__all__"


def file_beside(file: str, level: int, module: str | None) -> str | None:
    """The source of a part of the same package, as a relative import in a file names it."""
    if not module:
        return None
    folder = os.path.dirname(file)
    for _ in range(level - 1):
        folder = os.path.dirname(folder)
    stem = os.path.join(folder, *module.split("."))
    candidates = (stem + ".py", os.path.join(stem, "__init__.py"))
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def first_line(documentation: object) -> str:
    """The first line of a docstring that says something; `__doc__` may be anything."""
    text = documentation if isinstance(documentation, str) else ""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line), "")


def read_docs(file: str, names: Collection[str], depth: int = 0) -> dict[str, str]:
    """Read the first docstring lines of classes in a package, by name; empty for a class without a docstring.

    Args:
        file: The package's `__init__.py`.
        names: The names wanted; those that are not classes in this package are left out.
        depth: Number of imports that led here.
    """
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read(), file)
    except (OSError, SyntaxError, ValueError):
        return {}  # the import reports why it cannot be read
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
