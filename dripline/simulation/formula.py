"""Formulas between the values of an instrument."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable
from typing import Any

from dripline.formula.evaluator import GUARDS, run
from dripline.formula.limits import FUNCTIONS
from dripline.formula.syntax import compiled

_NAMES = "abs min max round floor ceil sqrt exp log log10 sin cos tan pi e"
_KNOWN = {name: FUNCTIONS[name] for name in _NAMES.split()}
_NAMESPACE = _KNOWN | GUARDS
_ALLOWED = (ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp)
_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd, ast.Not,
    ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


class Formula:
    """A formula, checked.

    Args:
        text: such as `VOLT * CURR if OUTP else 0`.

    Attributes:
        names: the names it asks for, as they are written.

    Raises:
        ValueError: it is none; the text says why.
    """

    def __init__(self, text: str) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python's opinions on the text only errors count
                root = ast.parse(text.strip(), mode="eval").body
            self.names = {node.id for node in ast.walk(root) if isinstance(node, ast.Name)} - _KNOWN.keys()
            refused = [node for node in ast.walk(root) if isinstance(node, ast.expr) and not _is_allowed(node)]
            if refused:
                raise ValueError(f"a formula cannot have {ast.unparse(refused[0])!r}")
            self._code = compiled(ast.Module([ast.Expr(_Numbers().visit(root))], []))
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"{text!r} is no formula ({getattr(error, 'msg', None) or error})") from None

    def evaluate(self, lookup: Callable[[str], Any]) -> Any:
        """Compute.

        Args:
            lookup: gives the value of a name.

        Returns:
            A number, a boolean or a text; not-a-number where there is no result, as in a division by zero.
        """
        try:
            value = run(self._code, {**_NAMESPACE, **{name: lookup(name) for name in self.names}})
            if isinstance(value, int):
                float(value)  # one that is too large has no result
        except (ValueError, OverflowError):
            return math.nan
        return math.nan if isinstance(value, complex) else value


def _is_allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and callable(_KNOWN.get(node.func.id)) and not node.keywords
    operators = [*getattr(node, "ops", ()), *([node.op] if hasattr(node, "op") else [])]
    return isinstance(node, _ALLOWED) and all(isinstance(operator, _OPERATORS) for operator in operators)


class _Numbers(ast.NodeTransformer):
    """Whole numbers become floats, `and` and `or` give a boolean."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(float(node.value)) if type(node.value) is int else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), node))
