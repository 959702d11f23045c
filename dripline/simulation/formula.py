"""Formulas between the values of an instrument: arithmetic, comparisons, `a if b else c`, a few functions.

A small evaluator of its own: it starts at once, and can do nothing but compute.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "log10", "sqrt", "floor", "ceil")
    },
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
}
CONSTANTS = {"pi": math.pi, "e": math.e}


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str):  # there the operator would write into a text
        raise TypeError
    return left % right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError
    return float(left) ** float(right)  # whole numbers would be computed to the last digit, for hours


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


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
                self._root = ast.parse(text.strip(), mode="eval").body
            self.names = {node.id for node in ast.walk(self._root) if isinstance(node, ast.Name)}
            self.names -= FUNCTIONS.keys() | CONSTANTS.keys()
            _check(self._root)
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
            value = _value(self._root, lookup)
        except (ArithmeticError, ValueError, TypeError, RecursionError):
            return math.nan
        return math.nan if isinstance(value, complex) else value


def _check(node: ast.AST) -> None:
    """Raise ValueError for whatever is more than computing."""
    children: list[ast.AST]
    if isinstance(node, (ast.Constant, ast.Name)):
        children = []
    elif isinstance(node, ast.UnaryOp):
        children = [node.operand]
    elif isinstance(node, ast.BinOp):
        children = [node.left, node.right]
    elif isinstance(node, ast.BoolOp):
        children = list(node.values)
    elif isinstance(node, ast.Compare):
        children = [node.left, *node.comparators]
    elif isinstance(node, ast.IfExp):
        children = [node.test, node.body, node.orelse]
    elif isinstance(node, ast.Call) and _is_function(node):
        children = list(node.args)
    else:
        raise ValueError(f"a formula cannot have {ast.unparse(node)!r}")
    for operation in (getattr(node, "op", None), *getattr(node, "ops", ())):
        if operation is not None and not isinstance(operation, (ast.And, ast.Or, *_OPERATORS)):
            raise ValueError(f"a formula cannot have {ast.unparse(node)!r}")
    for child in children:
        _check(child)


def _is_function(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords


def _value(node: ast.AST, lookup: Callable[[str], Any]) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return CONSTANTS[node.id] if node.id in CONSTANTS else lookup(node.id)
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_value(node.operand, lookup))
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, lookup), _value(node.right, lookup))
    if isinstance(node, ast.BoolOp):
        is_and = isinstance(node.op, ast.And)
        values = (bool(_value(child, lookup)) for child in node.values)
        return all(values) if is_and else any(values)
    if isinstance(node, ast.IfExp):
        return _value(node.body if _value(node.test, lookup) else node.orelse, lookup)
    if isinstance(node, ast.Compare):
        return _compare(node, lookup)
    assert isinstance(node, ast.Call)  # _check let nothing else through
    assert isinstance(node.func, ast.Name)
    return FUNCTIONS[node.func.id](*(_value(argument, lookup) for argument in node.args))


def _compare(node: ast.Compare, lookup: Callable[[str], Any]) -> bool:
    left = _value(node.left, lookup)
    for operation, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, lookup)
        if not _OPERATORS[type(operation)](left, right):
            return False
        left = right
    return True


def _constant(value: Any) -> Any:
    # As floats, so that 9**9**9 is an overflow at once and not hours of work.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
