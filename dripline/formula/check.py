"""Checks a formula of a configuration without evaluating it, and compares it with dripline-python 5."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from dripline.formula.evaluator import Evaluator
from dripline.formula.limits import FUNCTIONS
from dripline.formula.limits import functions as formula_functions
from dripline.formula.syntax import parse
from dripline.formula.template import Template

# One of each kind that instruments answer with.
_SAMPLES = (1, 1.5, -1, "1", "text", [1.5, 2], True)
_NEGATIVE = (-1.0, -2.0, -7.25, -0.125, -40.0)
# What binds tighter than a minus sign, and digits beside a hole.
_BINDS_TIGHTER = re.compile(r"\}\s*(\*\*|[.\[(])|[\w.]\{|\}\w")


def check_formula(text: str) -> None:
    """Check a formula with holes.

    Raises:
        ValueError: it cannot be evaluated; the message says why.
    """
    mistake = _read(text)[0]
    if mistake:
        raise ValueError(mistake)


def unknown_names(text: str, functions: Collection[str] = ()) -> list[str]:
    """The names in a formula that mean nothing, in the order of the alphabet.

    Args:
        text: a formula that `check_formula` accepts.
        functions: those that a laboratory's class brings.
    """
    rest = _read(text)[1] - FUNCTIONS.keys() - set(functions)
    return sorted(rest - known_names()) if rest else []


@lru_cache(maxsize=10_000)
def difference_from_reference(text: str) -> str | None:
    """How dripline-python 5 computes a formula differently for negative numbers; None if it does not.

    It puts the number's text into the formula, so that ``{}**2`` of -3 is -9.

    Args:
        text: a formula that `check_formula` accepts.
    """
    if not _BINDS_TIGHTER.search(text):
        return None
    template = Template(text)
    for raw in _NEGATIVE:
        here, there = template.written_out(raw, "({})"), template.written_out(raw, "{}")
        if _dumped(here) == _dumped(there):
            return None
        result, other = _result(here), _result(there)
        if result is None or other is None or repr(result) != repr(other):
            shown = "" if result is None or other is None else f" ({raw} gives {result}, there {other})"
            return f"{text!r} gives a different result in dripline-python 5 for negative numbers{shown}; {_REMEDY}"
    return None


_REMEDY = "'({})' instead of '{}' gives the same result in both"


def _dumped(formula: str) -> str:
    try:
        return ast.dump(parse(formula, formula))
    except ValueError as error:
        return str(error)


def _result(formula: str) -> Any:
    """What a formula without holes gives; None if it uses functions of a laboratory."""
    try:
        return Evaluator({}).evaluate(Template(formula.replace("{", "{{").replace("}", "}}")).filled(0))
    except (ValueError, OverflowError) as error:
        return None if "NameError" in str(error) else "an error"


def known_names() -> frozenset[str]:
    """All names that formulas have."""
    return frozenset(formula_functions())


@lru_cache(maxsize=10_000)
def _read(text: str) -> tuple[str, frozenset[str]]:
    """What is wrong with a formula, and the names it looks up."""
    try:
        template = Template(text)
    except ValueError as error:
        known = str(error).startswith(f"{text[:100]!r}")
        return str(error) if known else f"{text!r} is not a template: {error}", frozenset()
    reason = ""
    for sample in _SAMPLES:
        try:
            formula = template.filled(sample)
        except ValueError as error:
            reason = reason or str(error)
        else:
            return "", _looked_up(formula.tree) - formula.symbols.keys()
    return f"{text!r} is not a formula: {reason}", frozenset()


def _looked_up(tree: ast.Module) -> frozenset[str]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id[0] != "<"]
    own = {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    return frozenset(name.id for name in names if name.id not in own)
