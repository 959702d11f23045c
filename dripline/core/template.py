"""Calibration templates: a formula with holes for the raw value, such as ``2*{}`` or ``'{}'.strip()``.

A template is parsed once. Where a hole stands for itself its value is given to the formula by name: a number need
not be written out and read again each time, and what an instrument says can never become code.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Mapping, Sequence
from itertools import chain
from math import copysign, isfinite
from numbers import Number
from typing import Any, NamedTuple

from dripline.core.formula_rules import FormulaRefused
from dripline.core.template_tree import Kind, Tree, kinds_of, named_texts, parse

# A number as Python writes it: its sign, and the rest, which is one token.
_LITERAL = re.compile(r"([-+]?)(0|[1-9]\d*|(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)", re.ASCII)
# Texts that may be written into a formula: numbers, one or several, and what else cannot be but a value.
_NUMBER = r"(?:[-+]?(?:(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|0[xX][\da-fA-F]+|inf|nan)|True|False)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\s*,\s*{_NUMBER})*", re.ASCII)
_LONGEST_LITERAL, _LONGEST_NUMBERS = 300, 2000
# A digit that follows these would belong to the escape sequence, where a word does not.
_OPEN_ESCAPE = re.compile(r"\\[0-7]{0,2}\Z")


class Formula(NamedTuple):
    """What can be evaluated.

    Attributes:
        tree: its syntax tree, not to be changed.
        text: how messages call it.
        symbols: what some of the names in it mean.
    """

    tree: ast.Module
    text: str
    symbols: Mapping[str, Any]


class Template:
    """A formula with holes.

    Args:
        text: a format string with fields such as ``{}``, ``{0}``, ``{:.3f}`` or ``{!r}``.

    Raises:
        ValueError: it is no format string, or has a field that is not the raw value itself.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._around, self._holes = _split(text)
        self._prefix = _unused(text)
        self._word = re.compile(rf"{self._prefix}\d+_")
        self._kinds = self._recognized()
        self._trees: dict[tuple[str, ...], Tree] = {}

    def filled(self, raw: Any) -> Formula:
        """Put a raw value into the holes.

        Args:
            raw: a number, a text, or a list or mapping of such.

        Raises:
            ValueError: a text that is no number stands outside quotes, or there comes no formula of it.
        """
        value = raw.strip() if isinstance(raw, str) else raw
        try:
            formula = self._by_name(value)
            return self._written_out(value) if formula is None else formula
        except (TypeError, OverflowError) as error:  # of a format that does not suit the value
            raise ValueError(f"{value!r} cannot be put into {self.text!r}: {error}") from None

    def _by_name(self, raw: Any) -> Formula | None:
        """Give the value to the formula by name; None where that could mean something else than writing it out."""
        symbols: dict[str, Any] = {}
        signs: list[str] = []
        for number, kind in enumerate(self._kinds):
            if kind == "value":
                found = _sign_and_value(self._holes[number], raw)
                if found is None:
                    return None
                signs.append(found[0])
                symbols[self._name(number)] = found[1]
            elif kind is None:
                return None
        tree = self._tree(tuple(signs))
        if tree.texts:
            words = {self._name(number): hole.format(raw) for number, hole in enumerate(self._holes)}
            for symbol, content, is_bytes in tree.texts:
                text = self._word.sub(lambda word: words[word[0]], content)
                symbols[symbol] = text.encode("latin-1") if is_bytes else text
        return Formula(tree.module, self.text, symbols)

    def _written_out(self, raw: Any) -> Formula:
        """Write the value into the formula, which is done with numbers only."""
        if not isinstance(raw, Number) and not _is_numbers(raw):
            raise ValueError(f"{str(raw)[:60]!r} is no number; to use it as text put the hole in quotes: '{{}}'")
        text = self._joined([hole.format(raw) for hole in self._holes])
        return Formula(parse(text), text, {})

    def _tree(self, signs: tuple[str, ...]) -> Tree:
        """Parse for numbers of these signs: ``{}**2`` with -3 is -9, as if it stood there."""
        tree = self._trees.get(signs)
        if tree is None:
            left = iter(signs)
            words = [
                (next(left) if kind == "value" else "") + self._name(number)
                for number, kind in enumerate(self._kinds)
            ]
            tree = named_texts(parse(self._joined(words)), self._word, f"{self._prefix}text")
            self._trees[signs] = tree
        return tree

    def _recognized(self) -> list[Kind | None]:
        """Tell what each hole is; None for one that is neither a value nor a part of a text for itself."""
        words = [self._name(number) for number in range(len(self._holes))]
        try:
            found = kinds_of(self._word, parse(self._joined(words)))
        except FormulaRefused as refused:
            raise FormulaRefused(str(refused).replace(self._joined(words)[:100], self.text[:100])) from None
        except ValueError:
            return [None] * len(words)
        return [None if self._merges(number) else found.get(word) for number, word in enumerate(words)]

    def _merges(self, number: int) -> bool:
        """Whether digits would grow together with what stands beside the hole, though a word does not."""
        before, after = self._around[number], self._around[number + 1]
        point = after.startswith(".") and self._holes[number] != "{0!r}"
        return point or _OPEN_ESCAPE.search(before) is not None

    def _joined(self, fillings: Sequence[str]) -> str:
        return "".join(chain.from_iterable(zip(self._around, [*fillings, ""], strict=True)))

    def _name(self, number: int) -> str:
        return f"{self._prefix}{number}_"


def _split(text: str) -> tuple[list[str], list[str]]:
    """Split a template into what stands around its holes, and the holes as format strings."""
    around, holes = [""], []
    for literal, field, spec, conversion in string.Formatter().parse(text):
        around[-1] += literal
        if field is None:
            continue
        if field not in ("", "0") or "{" in (spec or "") or conversion not in (None, "r", "s", "a"):
            raise ValueError(f"field {{{field}}} in {text!r}: the raw value is {{}}, and braces are doubled: {{{{")
        holes.append("{0" + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}")
        around.append("")
    return around, holes


def _unused(text: str) -> str:
    word = "raw_value"
    while word in text:
        word += "_"
    return word


def _sign_and_value(hole: str, raw: Any) -> tuple[str, Any] | None:
    """Give sign and value of what stands in a hole; None when it is not one token and perhaps a sign."""
    if hole == "{0}":
        kind = type(raw)
        if kind is float and isfinite(raw):
            return ("-", -raw) if copysign(1.0, raw) < 0 else ("", raw)
        if kind is int:
            return ("-", -raw) if raw < 0 else ("", raw)
        if isinstance(raw, (bool, list, tuple, Mapping)):
            return "", raw
    elif hole == "{0!r}":
        return ("", raw) if isinstance(raw, str) else None
    if not isinstance(raw, (int, float, str)):
        return None
    text = hole.format(raw)
    match = _LITERAL.fullmatch(text) if len(text) <= _LONGEST_LITERAL else None
    if match is None:
        return None
    sign, digits = match.groups()
    return sign, int(digits) if digits.isdecimal() else float(digits)


def _is_numbers(raw: Any) -> bool:
    return isinstance(raw, str) and len(raw) <= _LONGEST_NUMBERS and _NUMBERS.fullmatch(raw) is not None
