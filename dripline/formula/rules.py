"""Which words of Python a formula may be written in.

A formula computes a value: numbers, texts, lists and tables, operators, comparisons, ``a if b else c``,
``[... for x in ...]``, indices, attributes and methods without a leading underscore, calls, assignments, ``if``
and ``for``. It defines no functions of its own (those come by ``@calibrate([f])``), imports nothing, and has no
``while``, ``try``, ``with`` or ``lambda``.
"""

from __future__ import annotations

import ast

#: Longest formula, in characters.
LONGEST = 20_000
#: Deepest nesting of a formula.
DEEPEST = 150

_ALLOWED = (
    ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.For, ast.Break, ast.Continue, ast.Pass,
    ast.Constant, ast.Name, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.keyword, ast.Attribute,
    ast.Subscript, ast.Slice, ast.ListComp, ast.SetComp, ast.DictComp, ast.comprehension,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_WORDS = {
    "FunctionDef": "'def'", "ClassDef": "'class'", "Import": "'import'", "ImportFrom": "'import'",
    "GeneratorExp": "a generator; put it in [...]", "NamedExpr": "':='",
}  # fmt: skip


class FormulaRefused(ValueError):
    """A formula that is Python, but not of the kind that is evaluated."""


def check(module: ast.Module, text: str) -> None:
    """Check what a formula is made of, before it is evaluated for the first time.

    Args:
        module: its syntax tree.
        text: how messages call it.

    Raises:
        FormulaRefused: with what cannot stand in it.
    """
    level: list[ast.AST] = [module]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise FormulaRefused(f"{text[:100]!r} is nested deeper than {DEEPEST} levels")
        for node in level:
            _check_node(node, text)
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_node(node: ast.AST, text: str) -> None:
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__
        word = _WORDS.get(kind, repr(kind.lower()))
        raise FormulaRefused(f"{text[:100]!r}: a formula computes a value, {word} is refused in it")
    if isinstance(node, ast.Attribute):
        if node.attr.startswith("_"):
            raise FormulaRefused(f"{text[:100]!r}: the attribute {node.attr!r} is refused in a formula")
        if not isinstance(node.ctx, ast.Load):
            raise FormulaRefused(f"{text[:100]!r}: a formula changes no attributes")
