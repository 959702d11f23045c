"""`Evaluator`: evaluates formulas without access to files or imports.

Each operator, each call and each turn of a loop costs a step, and so does each item of a list that is handled: no
clock is needed, and what a laboratory's function takes does not count.
"""

from __future__ import annotations

import functools
import math
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from dripline.formula import limits as limits
from dripline.formula.syntax import RESULT, compiled, parse
from dripline.formula.template import Formula
from dripline.wire.return_codes import ThrowReply

_LONGEST_REASON = 500


class _Steps(threading.local):
    left: float = math.inf


_steps = _Steps()


class Evaluator:
    """Evaluates formulas; several threads may do so at a time.

    A laboratory's class may call it as asteval's `Interpreter`: `evaluator("def f(x): …")` runs a script, and what
    the script defines is known to later ones and to formulas.

    Args:
        functions: functions of a lab that formulas may use, by name.

    Attributes:
        symtable: what formulas know, by name.
        error: what was wrong with the last script; empty if nothing was.
    """

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self.symtable: dict[str, Any] = {**limits.functions(), **_CALLING, **functions, **GUARDS}
        self.error: list[Exception] = []

    def evaluate(self, formula: Formula) -> Any:
        """Evaluate a formula.

        Raises:
            OverflowError: the result is too large.
            ThrowReply: a function of the lab raised it.
            ValueError: the formula cannot be evaluated; the text says why.
        """
        return run(formula.code, {**self.symtable, **formula.symbols})

    def __call__(self, text: str, lineno: int = 0, show_errors: bool = True, raise_errors: bool = False) -> Any:
        """Run a script, which may also define functions, and use ``while`` and ``try``.

        Returns:
            The value of its last expression. After an error: None, with the text on stderr, if it is not raised.
        """
        self.error = []
        try:
            return run(compiled(parse(text, text, is_script=True)), self.symtable)
        except (OverflowError, ThrowReply, ValueError) as error:
            if raise_errors:
                raise
            self.error.append(error)
            if show_errors:
                print(error, file=sys.stderr)
            return None

    eval = __call__


def run(code: CodeType, symbols: dict[str, Any]) -> Any:
    """Run what `syntax.compiled` made of a formula; errors as of `Evaluator.evaluate`.

    Args:
        code: the code.
        symbols: what the names in it mean; `GUARDS` among them.
    """
    outer, _steps.left = _steps.left, limits.STEPS
    try:
        exec(code, symbols)
        return symbols.pop(RESULT, None)
    except (OverflowError, ThrowReply, limits.TooMuch, limits.Unusable):
        raise
    except (Exception, SystemExit) as error:
        kind, text = type(error).__name__, f"{vars(error).get(_CALL, '')}{error}".strip()
        raise ValueError(f"{kind}: {text or kind}"[:_LONGEST_REASON]) from error
    finally:
        _steps.left = outer


# -- what code does to keep to the limits ---------------------------------------------------------------------

_CALL = "_dripline_call"  # of an exception: the call that it came from


def _charge(value: Any, steps: int = 0) -> Any:
    """Pay for a value, and for the steps that it took."""
    if isinstance(value, limits.Unusable):
        raise value
    _steps.left -= steps + limits.cost_of(value)
    if _steps.left < 0:
        raise limits.TooMuch(f"the formula takes more than {limits.STEPS} steps")
    return value


def _operate(kind: str, left: Any, right: Any) -> Any:
    return _charge(limits.combine(kind, left, right), 1)


def _call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function; if its argument is several numbers of one answer, as `limits.spread` says."""
    several = len(args) == 1 and not kwargs and isinstance(args[0], limits.Several)
    try:
        return _charge((limits.spread(function) if several else function)(*args, **kwargs), 1)
    except Exception as error:
        name = getattr(function, "__name__", function)
        text = f"Error running function '{name}' with args '{list(args)}' and kwargs {kwargs}: "
        vars(error).setdefault(_CALL, text)
        raise


def _calling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of Python that calls others pay for these calls, too."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = [functools.partial(_call, arg) if callable(arg) else arg for arg in args]
        named = {name: functools.partial(_call, arg) if callable(arg) else arg for name, arg in kwargs.items()}
        return function(*given, **named)

    return call


def _loop(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _charge(None, 1)
        yield item


def _spec(spec: str) -> str:
    limits.check_spec(spec)
    return spec


#: The functions that code calls; formulas cannot name them.
GUARDS = {
    "__builtins__": {},
    "__name__": "formula",
    "<attribute>": limits.attribute_of,
    "<call>": _call,
    "<charge>": _charge,
    "<loop>": _loop,
    "<operate>": _operate,
    "<spec>": _spec,
}
_CALLING = {each.__name__: _calling(each) for each in (filter, map, max, min, sorted)}
