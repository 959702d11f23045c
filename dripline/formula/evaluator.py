"""Formulas evaluated by asteval, which knows numbers, texts and functions and nothing of imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dripline.formula.limits import TooMuch, Unusable
from dripline.formula.template import Formula
from dripline.wire.return_codes import ThrowReply

_LONGEST_REASON = 500


class Evaluator:
    """Evaluates formulas; several threads may do so at a time.

    Args:
        functions: functions of a lab that formulas may use, by name.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._functions = dict(functions)
        self._idle: list[Any] = []

    def evaluate(self, formula: Formula) -> Any:
        """Evaluate a formula.

        Raises:
            OverflowError: the result is too large.
            ThrowReply: a function of the lab raised it.
            ValueError: the formula cannot be evaluated; the text says why.
        """
        interpreter = self._idle.pop() if self._idle else self._new_interpreter()
        interpreter.begin()
        interpreter.symtable.update(formula.symbols)
        interpreter.expr = formula.text
        value = interpreter.run(formula.tree, with_raise=False)
        if interpreter.error:  # one that failed is not used again: it remembers how it was interrupted
            raise _as_error(interpreter.error[0])
        self._idle.append(interpreter)
        return value

    def _new_interpreter(self) -> Any:
        from dripline.formula.interpreter import FormulaInterpreter  # only who calibrates pays for asteval

        return FormulaInterpreter(self._functions)


def _as_error(problem: Any) -> Exception:
    """Make of asteval's note about a failure the exception that tells it."""
    raised = problem.exc_info[1]
    if isinstance(raised, (OverflowError, ThrowReply, TooMuch, Unusable)):
        return raised
    text = str(problem.msg).strip() or problem.exc.__name__
    return ValueError(f"{problem.exc.__name__}: {text}"[:_LONGEST_REASON])
