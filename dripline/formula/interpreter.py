"""asteval's interpreter with bounds: no files, no way to Python's insides, an end in time."""

from __future__ import annotations

import ast
import math
from typing import Any

from asteval import Interpreter  # imported with the first formula only: see `evaluator`

from dripline.formula import limits as limits
from dripline.formula import names as names

_CHARGED = (
    ast.Name, ast.BinOp, ast.Call, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.Subscript, ast.JoinedStr, ast.Constant,
)  # fmt: skip


class FormulaInterpreter(Interpreter):  # type: ignore[misc]  # asteval has no types
    """Evaluates formulas; what they may use up is in `formula_limits`.

    Each part of a formula that is evaluated costs a step, and so does each item of a list that it handles: no
    clock is needed, and what a lab's function takes does not count.

    Args:
        functions: functions of a lab, by name; with one of them a name that is left out can be given back.
    """

    def __init__(self, functions: dict[str, Any]) -> None:
        self._left = limits.STEPS
        super().__init__(user_symbols=functions, config={"with": False})
        for name in names.LEFT_OUT:
            if name not in functions:
                self.symtable.pop(name, None)
        for name, function in names.FUNCTIONS.items():
            if getattr(self.symtable.get(name), "__module__", "builtins") in ("builtins", "math", None):
                self.symtable[name] = function  # neither a lab's nor numpy's

        self.symtable.setdefault("nan", math.nan)  # asteval takes them from numpy, which may not be installed
        self.symtable.setdefault("inf", math.inf)

    def begin(self) -> None:
        """Start to count anew; before each formula."""
        self._left = limits.STEPS

    def eval(self, expr: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate a text; what a lab's class may call."""
        self.begin()
        return super().eval(expr, *args, **kwargs)

    def run(self, node: Any, expr: Any = None, lineno: Any = None, with_raise: bool = True) -> Any:
        """Evaluate a part of a formula, and count."""
        self._charge(1)
        value = super().run(node, expr, lineno, with_raise)
        if isinstance(node, _CHARGED):
            self._charge(limits.cost_of(value))
        return value

    def on_name(self, node: Any) -> Any:
        """Look up a name."""
        value = super().on_name(node)
        if isinstance(value, limits.Unusable):
            raise value
        return value

    def on_binop(self, node: Any) -> Any:
        """Apply an operator."""
        return limits.combine(node.op, self.run(node.left), self.run(node.right))

    def on_call(self, node: Any) -> Any:
        """Call a function; if its argument is several numbers of one answer, as `formula_names.spread` says."""
        alone = node.args[0] if len(node.args) == 1 and not node.keywords else None
        several = self.symtable.get(alone.id) if isinstance(alone, ast.Name) else None
        if not isinstance(several, limits.Several):
            return super().on_call(node)
        function = names.spread(self.run(node.func))
        call = ast.Call(_evaluated(function, node), [_evaluated(list(self.run(alone)), node)], [])
        return super().on_call(ast.copy_location(call, node))

    def on_attribute(self, node: Any) -> Any:
        """Find an attribute, of texts and numbers one that is known to be harmless."""
        if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
            raise AttributeError(f"the attribute {node.attr!r} is refused in a formula")
        value = self.run(node.value)
        known = names.method_of(value, node.attr)
        return known if known is not None else self._of_a_lab(node, value)

    def on_formattedvalue(self, node: Any) -> Any:
        """Format a value in an f-string."""
        if node.format_spec is not None:
            limits.check_spec(self.run(node.format_spec))
        return super().on_formattedvalue(node)

    def on_listcomp(self, node: Any) -> Any:
        """Make a list; asteval copies what its variables meant before."""
        self._pay_copies(node)
        return super().on_listcomp(node)

    def on_dictcomp(self, node: Any) -> Any:
        """Make a table, likewise."""
        self._pay_copies(node)
        return super().on_dictcomp(node)

    def _of_a_lab(self, node: Any, value: Any) -> Any:
        attribute = ast.Attribute(_evaluated(value, node), node.attr, node.ctx)
        return super().on_attribute(ast.copy_location(attribute, node))

    def _pay_copies(self, node: Any) -> None:
        for generator in node.generators:
            for target in ast.walk(generator.target):
                if isinstance(target, ast.Name):
                    self._charge(10 * limits.cost_of(self.symtable.get(target.id)))

    def _charge(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise limits.TooMuch(f"the formula takes more than {limits.STEPS} steps")


def _evaluated(value: Any, node: Any) -> ast.expr:
    """A node that holds a value, so that what gave it is not evaluated again."""
    return ast.copy_location(ast.Constant(value), node)
