"""The syntax tree of a calibration formula whose holes are filled with words that stand for the raw value."""

from __future__ import annotations

import ast
import re
from typing import Literal, NamedTuple

from dripline.core.formula_rules import LONGEST, FormulaRefused, check

#: What a word stands for: a value in the formula, or a part of a text or of bytes in quotes.
Kind = Literal["value", "text", "bytes"]


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
        module: the tree; words that are values are names in it.
        texts: what else is named in it.
    """

    module: ast.Module
    texts: tuple[Text, ...]


def parse(formula: str) -> ast.Module:
    """Parse a formula.

    Raises:
        FormulaRefused: it has parts that no formula may have.
        ValueError: it is none; the text says why.
    """
    if len(formula) > LONGEST:
        raise FormulaRefused(f"a formula of more than {LONGEST} characters: {formula[:100]!r}...")
    try:
        module = ast.parse(formula)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"{formula[:100]!r} is no formula: {reason}") from None
    check(module, formula)
    return module


def kinds_of(words: re.Pattern[str], module: ast.Module) -> dict[str, Kind | None]:
    """Tell what the words in a formula are.

    Args:
        words: matches the words.
        module: the formula's tree.

    Returns:
        The kind by word. Words that grew together with something are missing; None stands for those that are found
        more than once, or that are given a value.
    """
    kinds: dict[str, Kind | None] = {}
    for node in ast.walk(module):
        for word, kind in _words_of(node, words):
            kinds[word] = None if word in kinds else kind
    return kinds


def named_texts(module: ast.Module, words: re.Pattern[str], prefix: str) -> Tree:
    """Put names in the place of texts that contain words.

    Args:
        module: the tree; it is changed.
        words: matches the words.
        prefix: begins the names.
    """
    naming = _Naming(words, prefix)
    naming.visit(module)
    return Tree(module, tuple(naming.texts))


class _Naming(ast.NodeTransformer):
    def __init__(self, words: re.Pattern[str], prefix: str) -> None:
        self._words = words
        self._prefix = prefix
        self.texts: list[Text] = []

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        content = _content(node)
        if content is None or not self._words.search(content):
            return node
        text = Text(f"{self._prefix}{len(self.texts)}", content, isinstance(node.value, bytes))
        self.texts.append(text)
        return ast.copy_location(ast.Name(text.symbol, ast.Load()), node)


def _words_of(node: ast.AST, words: re.Pattern[str]) -> list[tuple[str, Kind | None]]:
    if isinstance(node, ast.Name):
        is_word = words.fullmatch(node.id) is not None
        return [(node.id, "value" if isinstance(node.ctx, ast.Load) else None)] if is_word else []
    content = _content(node)
    if content is None or not isinstance(node, ast.Constant):
        return []
    kind: Kind = "bytes" if isinstance(node.value, bytes) else "text"
    return [(word, kind) for word in words.findall(content)]


def _content(node: ast.AST) -> str | None:
    """The text of a text or bytes in quotes; None for other nodes."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None
