"""Parses formulas, rejects forbidden syntax, and compiles them with limits built in.

A formula computes a value: numbers, texts, lists and tables, operators, comparisons, ``a if b else c``,
``[... for x in ...]``, indices, attributes and methods without a leading underscore, calls, assignments, ``if``
and ``for``. It defines no functions of its own (those come by ``@calibrate([f])``), imports nothing, and has no
``while``, ``try``, ``with`` or ``lambda``. A script, which only a laboratory's class can run, has most of these.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from types import CodeType
from typing import Any

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
_ALLOWED_IN_SCRIPTS = (
    *_ALLOWED, ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return, ast.While, ast.Try,
    ast.ExceptHandler, ast.Raise, ast.Assert, ast.Delete, ast.Starred,
)  # fmt: skip
_WORDS = {
    "FunctionDef": "'def'", "ClassDef": "'class'", "Import": "'import'", "ImportFrom": "'import'",
    "GeneratorExp": "a generator; put it in [...]", "NamedExpr": "':='",
}  # fmt: skip


class FormulaRefused(ValueError):
    """A formula that is Python, but not of the kind that is evaluated."""


def _check(module: ast.Module, text: str, is_script: bool) -> None:
    level: list[ast.AST] = [module]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise FormulaRefused(f"{text[:100]!r} is nested deeper than {DEEPEST} levels")
        for node in level:
            _check_node(node, text, is_script)
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_node(node: ast.AST, text: str, is_script: bool) -> None:
    if not isinstance(node, _ALLOWED_IN_SCRIPTS if is_script else _ALLOWED):
        kind = type(node).__name__
        word = _WORDS.get(kind, repr(kind.lower()))
        raise FormulaRefused(f"{text[:100]!r}: a formula computes a value, {word} is refused in it")
    if isinstance(node, ast.Attribute):
        if node.attr.startswith("_"):
            raise FormulaRefused(f"{text[:100]!r}: the attribute {node.attr!r} is refused in a formula")
        if not isinstance(node.ctx, ast.Load) and not is_script:
            raise FormulaRefused(f"{text[:100]!r}: a formula changes no attributes")


def parse(formula: str, shown: str, is_script: bool = False) -> ast.Module:
    """Parse a formula.

    Args:
        formula: its text.
        shown: the text as messages show it.
        is_script: whether it may define functions, and catch errors.

    Raises:
        FormulaRefused: it has parts that no formula may have.
        ValueError: it is none; the text says why.
    """
    if len(formula) > LONGEST:
        raise FormulaRefused(f"a formula of more than {LONGEST} characters: {shown[:100]!r}...")
    try:
        module = ast.parse(formula)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"{shown[:100]!r} is not a formula: {reason}") from None
    _check(module, shown, is_script)
    return module


# -- code that keeps to the limits -----------------------------------------------------------------------------

#: The name under which code leaves the value of its last expression. Such names cannot be written in a formula.
RESULT = "<result>"
_CHARGED = (
    ast.Name, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.Subscript,
    ast.JoinedStr,
)  # fmt: skip


def compiled(module: ast.Module) -> CodeType:
    """Compile a formula that `parse` accepts; the tree is changed.

    Operators, calls, attributes and loops become calls of the functions in `evaluator.GUARDS`, by their names
    there, and so does whatever has a value that can be large.

    Raises:
        ValueError: it has a ``break`` outside a loop, or something like that.
    """
    last = module.body[-1] if module.body else None
    if isinstance(last, ast.Expr):
        module.body[-1] = ast.Assign([ast.Name(RESULT, ast.Store())], last.value)
    guarded = ast.fix_missing_locations(_Guarding().visit(module))
    try:
        return compile(guarded, "<formula>", "exec", dont_inherit=True)
    except (SyntaxError, RecursionError) as error:
        raise ValueError(f"it is not a formula: {getattr(error, 'msg', error)}") from None


def _guarded(guard: str, *arguments: ast.expr, keywords: Sequence[ast.keyword] = ()) -> ast.Call:
    return ast.Call(ast.Name(f"<{guard}>", ast.Load()), list(arguments), list(keywords))


class _Guarding(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> Any:
        node = super().visit(node)
        is_slice = isinstance(node, ast.Tuple) and any(isinstance(item, ast.Slice) for item in node.elts)
        if (
            not isinstance(node, _CHARGED)
            or is_slice
            or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        ):
            return node
        return _guarded("charge", node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in ("__builtins__", "__name__"):
            node.id += " "  # is not defined
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        kind = ast.Constant(type(node.op).__name__)
        return _guarded("operate", kind, self.visit(node.left), self.visit(node.right))

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        before = copy.deepcopy(node.target)
        before.ctx = ast.Load()
        return self.visit(ast.Assign([node.target], ast.BinOp(before, node.op, node.value)))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return _guarded("call", node.func, *node.args, keywords=node.keywords)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        is_read = isinstance(node.ctx, ast.Load)
        return _guarded("attribute", node.value, ast.Constant(node.attr)) if is_read else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)  # a text with holes in it has become a name
        parts = (ast.Constant, ast.FormattedValue)
        node.values = [part if isinstance(part, parts) else ast.FormattedValue(part, -1) for part in node.values]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        self.generic_visit(node)
        if node.format_spec is not None:
            node.format_spec = ast.JoinedStr([ast.FormattedValue(_guarded("spec", node.format_spec), -1)])
        return node

    def visit_For(self, node: ast.For | ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = _guarded("loop", node.iter)
        if isinstance(node, ast.comprehension):
            node.ifs = [_guarded("charge", test, ast.Constant(1)) for test in node.ifs]
        return node

    visit_comprehension = visit_For

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.test = _guarded("charge", node.test, ast.Constant(1))
        return node
