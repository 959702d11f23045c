"""Formulas with placeholders for a value, such as ``2*{}`` or ``'{}'.strip()``.

A hole outside quotes is the value itself, as if the formula were a function of it: ``{}**2`` of -3 is 9. A hole in
quotes is a part of the text. A formula is parsed once, and the value is given to it by name, so that what an
instrument says never becomes code.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Mapping
from itertools import chain
from types import CodeType
from typing import Any, NamedTuple

from dripline.formula.limits import TEXT, Several, Unusable, check_spec
from dripline.formula.readings import number_of
from dripline.formula.syntax import FormulaRefused, compiled, parse

# What makes one number of a hole and the digits around it, as in `0x{}` or `{}e-3`.
_DIGITS_BEFORE = re.compile(
    r"(?<![\w.\\])(?:0[xX][\da-fA-F]*|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?)?|\.)\Z", re.ASCII
)
_DIGITS_AFTER = re.compile(r"\d*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])", re.ASCII)
# A backslash, or an octal number after one, to which the hole would belong.
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[0-7]{0,2}\Z")


class Formula(NamedTuple):
    """What can be evaluated.

    Attributes:
        tree: its syntax tree.
        code: what is run.
        symbols: what some of the names in it mean.
    """

    tree: ast.Module
    code: CodeType
    symbols: Mapping[str, Any]


class Template:
    """A formula with holes.

    Args:
        text: a format string with fields such as ``{}``, ``{0}``, ``{:.3f}`` or ``{!r}``.

    Raises:
        FormulaRefused: it has parts that no formula may have, or a hole that is only a part of a name.
        ValueError: it is no format string, has a field that is not the raw value itself, or is no formula.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._around, holes = _split(text)
        prefix = _unused(text)
        self._holes = {f"{prefix}{number}_": hole for number, hole in enumerate(holes)}
        self._word = re.compile(rf"{prefix}\d+_")
        module = parse(self._joined(self._holes), text)
        self._found = _Holes(module, self._word, prefix, text)
        quoted = set(self._word.findall("".join(part.content for part in self._found.texts)))
        # A word in neither is in a comment.
        self._values = [word for word in self._holes if word in self._found.values or word not in quoted]
        self._parsed = (module, compiled(module))

    def filled(self, raw: Any) -> Formula:
        """Put a raw value into the holes.

        Args:
            raw: a number, a text, or a list or mapping of such.

        Raises:
            ValueError: a text that is no number stands outside quotes, or a format does not suit the value.
        """
        value = raw.strip() if isinstance(raw, str) else raw
        try:
            symbols = {word: self._symbol(word, value) for word in self._values}
            for symbol, content, is_bytes in self._found.texts:
                text = self._word.sub(lambda word: self._holes[word[0]].format(value), content)
                symbols[symbol] = text.encode("latin-1") if is_bytes else text
        except (TypeError, OverflowError) as error:  # of a format that does not suit the value
            raise ValueError(f"{value!r} cannot be put into {self.text!r}: {error}") from None
        return Formula(*self._parsed, symbols)

    def written_out(self, raw: Any, value: str) -> str:
        """The formula with the text of a raw value in its holes, as dripline-python 5 evaluates it.

        Args:
            raw: the raw value.
            value: the format of a hole outside quotes: ``{}``, or ``({})`` for what the formula means here.
        """
        return self._joined(
            [
                value.format(hole.format(raw)) if word in self._found.values else hole.format(raw)
                for word, hole in self._holes.items()
            ]
        )

    def _joined(self, words: Iterable[str]) -> str:
        return "".join(chain.from_iterable(zip(self._around, [*words, ""], strict=True)))

    def _symbol(self, word: str, raw: Any) -> Any:
        try:
            return self._value(word, raw)
        except ValueError as error:
            if word not in self._found.conditional:
                raise
            return Unusable(error)

    def _value(self, word: str, raw: Any) -> Any:
        found = _value_in(self._holes[word], raw)
        if word in self._found.lists:
            return list(found) if isinstance(found, Several) else [found]
        if isinstance(found, Several) and word not in self._found.series:
            raise ValueError(
                f"{str(raw)[:60]!r} contains several numbers; write [{{}}] for a list of them, [{{}}][0] for one"
            )
        return found


def _split(text: str) -> tuple[list[str], list[str]]:
    """Split a template into what stands around its holes, and the holes as format strings.

    Digits that make one number with a hole belong to it.
    """
    around: list[str] = [""]
    holes: list[str] = []
    for literal, field, spec, conversion in string.Formatter().parse(text):
        digits = _DIGITS_AFTER.match(literal) if holes and not around[-1] else None
        if digits:
            holes[-1] += digits[0]
            literal = literal[digits.end() :]
        around[-1] += literal
        if field is None:
            continue
        if field not in ("", "0") or "{" in (spec or "") or conversion not in (None, "r", "s", "a"):
            raise ValueError(f"field {{{field}}} in {text!r}: the raw value is {{}}, and braces are doubled: {{{{")
        check_spec(spec or "")
        if _OPEN_ESCAPE.search(around[-1]):
            raise ValueError(f"{text!r}: a backslash in front of a hole; double it: \\\\{{}}")
        hole = "{0" + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        digits = _DIGITS_BEFORE.search(around[-1])
        if digits:
            hole = digits[0] + hole
            around[-1] = around[-1][: digits.start()]
        holes.append(hole)
        around.append("")
    return around, holes


def _unused(text: str) -> str:
    word = "raw_value"
    while word in text:
        word += "_"
    return word


def _written(hole: str, raw: Any) -> str:
    """Write a value into a hole, a number in a text as a number if the format is one for numbers."""
    try:
        return hole.format(raw)
    except ValueError:
        number = number_of(raw)
        if number is None:
            raise
        return hole.format(number)


def _value_in(hole: str, raw: Any) -> Any:
    """What a hole outside quotes stands for: the raw value, or the number that it is written as there."""
    if hole == "{0}" and isinstance(raw, (bool, int, float, list, tuple, Mapping)):
        return raw
    if hole == "{0!r}" and isinstance(raw, str):
        return raw
    text = _written(hole, raw) if isinstance(raw, str) or number_of(raw) is not None else ""
    number = number_of(text)
    if number is not None:
        return number
    if isinstance(raw, str) and "," in text and len(text) <= TEXT:
        numbers = [number_of(part) for part in text.removesuffix(",").split(",")]
        if None not in numbers:
            return Several(numbers)
    raise ValueError(f"{str(raw)[:60]!r} is not a number; to use it as text, put the hole in quotes: '{{}}'")


# -- what is found in the tree -------------------------------------------------------------------------------


class _Text(NamedTuple):
    """A text in quotes with words in it, and the name that takes its place in the tree."""

    symbol: str
    content: str
    is_bytes: bool


class _Holes(ast.NodeTransformer):
    """Finds the words that stand for holes in a formula, and puts names in the place of texts that contain some.

    Args:
        module: the formula's tree; it is changed.
        words: matches the words.
        prefix: begins each word, and the names.
        shown: the formula as messages show it.

    Attributes:
        texts: the texts in quotes that have become names.
        values: words outside quotes.
        lists: those of them that stand alone in square brackets, in whose place they are.
        series: those that may be several numbers: a call's only argument, or what is indexed or iterated over.
        conditional: those that are evaluated only under a condition, as in ``0 if '{}' == 'OFF' else 2*{}``.

    Raises:
        FormulaRefused: a word has grown together with something, or something is assigned to it.
    """

    def __init__(self, module: ast.Module, words: re.Pattern[str], prefix: str, shown: str) -> None:
        self._words = words
        self._prefix = prefix
        self._shown = shown
        self.texts: list[_Text] = []
        self.values: set[str] = set()
        self.lists: set[str] = set()
        self.series: set[str] = set()
        self.conditional: set[str] = set()
        self.visit(module)

    def visit_IfExp(self, node: ast.IfExp | ast.If | ast.BoolOp) -> ast.AST:
        """Visit a node of which only one part is evaluated in any case."""
        always = node.values[0] if isinstance(node, ast.BoolOp) else node.test
        unconditional = {*self.values, *(part.id for part in ast.walk(always) if isinstance(part, ast.Name))}
        self.generic_visit(node)
        self.conditional |= self.values - unconditional
        return node

    visit_If = visit_BoolOp = visit_IfExp  # noqa: N815

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        value = node.value
        content = value.decode("latin-1") if isinstance(value, bytes) else value
        if not isinstance(content, str) or not self._words.search(content):
            return node
        text = _Text(f"{self._prefix}text{len(self.texts)}", content, isinstance(value, bytes))
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

    def visit_For(self, node: ast.For | ast.comprehension) -> ast.AST:
        self.series.update(self._word(node.iter))
        return self.generic_visit(node)

    visit_comprehension = visit_For

    def _word(self, *nodes: ast.AST) -> tuple[str, ...]:
        """The word, if it is all there is."""
        alone = nodes[0] if len(nodes) == 1 else None
        return (alone.id,) if isinstance(alone, ast.Name) and self._words.fullmatch(alone.id) else ()

    def _refuse_part(self, name: str) -> None:
        if self._prefix in name:
            raise FormulaRefused(
                f"{self._shown[:100]!r}: a hole {{}} stands for a value and cannot be part of a name"
            )
