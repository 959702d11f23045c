"""Which names a Python file exports, read from its text: nothing is imported.

An extension is imported only when a class of it is wanted, so its names must be known before.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

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
    for statement in _statements(tree.body):
        reader.read(statement)
    return reader.exports()


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below `try`, `if` and `with` too."""
    for statement in body:
        if isinstance(statement, (ast.Try, ast.If, ast.With)):
            yield from _statements(statement.body)
            yield from _statements(getattr(statement, "orelse", []))
            yield from _statements(getattr(statement, "finalbody", []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
        else:
            yield statement


class _Reader:
    """Collects names statement by statement."""

    def __init__(self, file: str, depth: int) -> None:
        self._file = file
        self._depth = depth
        self._all: set[str] | None = None
        self._own: set[str] = set()
        self._others: set[str] = set()
        self._classes: set[str] = set()
        self._imported: dict[str, str] = {}
        # Names that hold the `__all__` of a part: `from .part import __all__ as part_all`.
        self._lists: dict[str, set[str]] = {}
        self._complete = True

    def exports(self) -> Exports:
        own = {name for name in self._own if not name.startswith("_")}
        others = {name for name in self._others if not name.startswith("_")}
        names = own if self._all is None else self._all
        return Exports(names, (own | others) - names, self._complete, self._classes, self._imported)

    def read(self, statement: ast.stmt) -> None:
        reader: Callable[[ast.stmt], None] | None = getattr(self, f"_{type(statement).__name__}", None)
        if reader is not None:
            reader(statement)

    def _ClassDef(self, statement: ast.ClassDef) -> None:  # noqa: N802  # named after the node
        self._own.add(statement.name)
        self._classes.add(statement.name)

    def _Assign(self, statement: ast.Assign) -> None:  # noqa: N802  # named after the node
        targets = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        if "__all__" in targets:
            self._start_all(statement.value)
        else:
            self._others.update(targets)

    def _AnnAssign(self, statement: ast.AnnAssign) -> None:  # noqa: N802  # named after the node
        if isinstance(statement.target, ast.Name) and statement.target.id == "__all__" and statement.value:
            self._start_all(statement.value)

    def _AugAssign(self, statement: ast.AugAssign) -> None:  # noqa: N802  # named after the node
        if isinstance(statement.target, ast.Name) and statement.target.id == "__all__":
            self._extend(statement.value)

    def _Expr(self, statement: ast.Expr) -> None:  # noqa: N802  # named after the node
        call = statement.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            return
        if not (isinstance(call.func.value, ast.Name) and call.func.value.id == "__all__"):
            return
        if call.func.attr == "append":
            self._extend(ast.List(elts=call.args))
        elif call.func.attr == "extend" and call.args:
            self._extend(call.args[0])
        else:
            self._complete = False

    def _Import(self, statement: ast.Import) -> None:  # noqa: N802  # named after the node
        self._others.update(alias.asname or alias.name.partition(".")[0] for alias in statement.names)

    def _ImportFrom(self, statement: ast.ImportFrom) -> None:  # noqa: N802  # named after the node
        for alias in statement.names:
            name = alias.asname or alias.name
            if alias.name == "*":
                self._own |= self._part(statement)
            elif alias.name == "__all__":
                self._lists[name] = self._part(statement)
            else:
                (self._own if statement.level else self._others).add(name)
                if not statement.level:
                    self._imported[name] = statement.module or ""

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
            self._complete = False

    def _add_item(self, item: ast.expr) -> None:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            assert self._all is not None
            self._all.add(item.value)
        elif isinstance(item, ast.Starred):
            self._extend(item.value)
        else:
            self._complete = False

    def _part(self, statement: ast.ImportFrom) -> set[str]:
        """What `import *` from a part of the same package brings."""
        file = file_beside(self._file, statement.level, statement.module) if statement.level else None
        if file is None or self._depth >= _DEEPEST:
            self._complete = False
            return set()
        part = read_exports(file, self._depth + 1)
        self._complete = self._complete and part.complete
        return part.names


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
