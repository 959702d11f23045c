"""The syntax tree of a formula whose holes are filled with words that stand for the raw value."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from dripline.formula.rules import LONGEST, FormulaRefused, check


class Text(NamedTuple):
    """A text in quotes with words in it.

    Attributes:
        symbol: the name that takes its place in the tree.
        content: the text, words included.
        is_bytes: whether it is bytes in the formula.
    """

    symbol: str
    content: str
    is_bytes: bool


class Tree(NamedTuple):
    """A formula that can be evaluated once its symbols are known.

    Attributes:
        module: the tree; words outside quotes are names in it.
        texts: the texts in quotes that are names in it as well.
        values: words outside quotes.
        lists: those of them that stand alone in square brackets, in whose place they are.
        series: those that may be several numbers: a call's only argument, or what is indexed or iterated over.
        conditional: those that are evaluated only under a condition, as in ``0 if '{}' == 'OFF' else 2*{}``.
    """

    module: ast.Module
    texts: tuple[Text, ...]
    values: frozenset[str]
    lists: frozenset[str]
    series: frozenset[str]
    conditional: frozenset[str]


def parse(formula: str, shown: str) -> ast.Module:
    """Parse a formula.

    Args:
        formula: its text.
        shown: the text as messages show it.

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
    check(module, shown)
    return module


def tree_of(module: ast.Module, words: re.Pattern[str], prefix: str, shown: str) -> Tree:
    """Find the words in a formula, and put names in the place of texts that contain some.

    Args:
        module: the formula's tree; it is changed.
        words: matches the words.
        prefix: begins each word, and the names.
        shown: the formula as messages show it.

    Raises:
        FormulaRefused: a word has grown together with something, or something is assigned to it.
    """
    finder = _Finder(words, prefix, shown)
    finder.visit(module)
    words_found = (finder.values, finder.lists, finder.series, finder.conditional)
    return Tree(module, tuple(finder.texts), *map(frozenset, words_found))


class _Finder(ast.NodeTransformer):
    def __init__(self, words: re.Pattern[str], prefix: str, shown: str) -> None:
        self._words = words
        self._prefix = prefix
        self._shown = shown
        self.texts: list[Text] = []
        self.values: set[str] = set()
        self.lists: set[str] = set()
        self.series: set[str] = set()
        self.conditional: set[str] = set()

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self._visit_condition(node, node.test)

    def visit_If(self, node: ast.If) -> ast.AST:
        return self._visit_condition(node, node.test)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return self._visit_condition(node, node.values[0])

    def _visit_condition(self, node: ast.AST, always: ast.AST) -> ast.AST:
        """Visit a node of which only one part is evaluated in any case."""
        unconditional = {*self.values, *(part.id for part in ast.walk(always) if isinstance(part, ast.Name))}
        self.generic_visit(node)
        self.conditional |= self.values - unconditional
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        value = node.value
        content = value.decode("latin-1") if isinstance(value, bytes) else value
        if not isinstance(content, str) or not self._words.search(content):
            return node
        text = Text(f"{self._prefix}text{len(self.texts)}", content, isinstance(value, bytes))
        self.texts.append(text)
        return ast.copy_location(ast.Name(text.symbol, ast.Load()), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        word = self._word(node)
        if word and not isinstance(node.ctx, ast.Load):
            raise FormulaRefused(f"{self._shown[:100]!r}: nothing can be assigned to the hole {{}}")
        self._refuse_part(node.id if not word else "")
        self.values.update(word)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self._refuse_part(node.attr)
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self._refuse_part(node.arg or "")
        return self.generic_visit(node)

    def visit_List(self, node: ast.List) -> ast.AST:
        word = self._word(*node.elts)
        self.lists.update(word)
        self.generic_visit(node)
        return node.elts[0] if word else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.series.update(self._word(*node.args) if not node.keywords else ())
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.series.update(self._word(node.value))
        return self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.series.update(self._word(node.iter))
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.series.update(self._word(node.iter))
        return self.generic_visit(node)

    def _word(self, *nodes: ast.AST) -> tuple[str, ...]:
        """The word, if it is all there is."""
        alone = nodes[0] if len(nodes) == 1 else None
        return (alone.id,) if isinstance(alone, ast.Name) and self._words.fullmatch(alone.id) else ()

    def _refuse_part(self, name: str) -> None:
        if self._prefix in name:
            raise FormulaRefused(
                f"{self._shown[:100]!r}: a hole {{}} stands for a value and cannot be part of a name"
            )
