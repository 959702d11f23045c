"""Whether a formula of a configuration can ever be evaluated, told without evaluating it."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import lru_cache

# One of each kind that instruments answer with.
_SAMPLES = (1, 1.5, -1, "1", "text", [1.5, 2], True)
# Names that all formulas have, known without asteval, whose import costs time.
_SURE = frozenset(
    {"abs", "bool", "float", "int", "len", "max", "min", "round", "str"}
    | {"cos", "e", "exp", "log", "log10", "pi", "pow", "sin", "sqrt", "tan"}
)


def check_formula(text: str) -> None:
    """Check that some raw value makes a formula of a text with holes.

    Raises:
        ValueError: with what is wrong.
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
    rest = _read(text)[1] - _SURE - set(functions)
    return sorted(rest - known_names()) if rest else []


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """All names that formulas have."""
    from dripline.core.formula_interpreter import FormulaInterpreter  # brings asteval

    return frozenset(FormulaInterpreter({}).symtable)


@lru_cache(maxsize=10_000)
def _read(text: str) -> tuple[str, frozenset[str]]:
    """What is wrong with a formula, and the names it looks up."""
    from dripline.core.template import Template  # most configurations have no formula

    try:
        template = Template(text)
    except ValueError as error:
        return f"{text!r} is no template: {error}", frozenset()
    reasons = []
    for sample in _SAMPLES:
        try:
            formula = template.filled(sample)
        except (ValueError, MemoryError, RecursionError) as error:
            reasons.append(str(error))
        else:
            # Where the value was written into the text, a name may be made of it.
            by_name = formula.text == text
            return "", _looked_up(formula.tree) - formula.symbols.keys() if by_name else frozenset()
    reason = reasons[0].removeprefix(f"{text!r} is no formula: ")
    return f"{text!r} is no formula: {reason}", frozenset()


def _looked_up(tree: ast.Module) -> frozenset[str]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    return frozenset(name.id for name in names if name.id not in own)
