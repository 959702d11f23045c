"""The interpreter of formulas."""

from __future__ import annotations

import threading

import pytest

from dripline.core import ThrowReply
from dripline.formula.evaluator import Evaluator
from dripline.formula.template import Template


def evaluate(template, raw=1, **functions):
    """Evaluate a template with some functions."""
    return Evaluator(functions).evaluate(Template(template).filled(raw))


@pytest.mark.parametrize(
    "template", ["open('/etc/hostname')", "__import__('os')", "eval('1')", "exec('1')", "dir()"]
)
def test_formulas_have_no_way_out(template):
    """No files, no imports, no code in texts: formulas come from configurations, and stay formulas."""
    with pytest.raises(ValueError, match="NameError"):
        evaluate(template)


def test_imports_are_refused():
    """As statements too."""
    with pytest.raises(ValueError, match="'import' is refused"):
        evaluate("import os")


def test_a_missing_name_is_told():
    """The usual mistake in a calibration."""
    with pytest.raises(ValueError, match="NameError: name 'times3' is not defined"):
        evaluate("times3({})")


def test_what_a_function_raises_is_told():
    """With kind and text."""

    def out_of_range(x):
        raise ValueError(f"{x} is out of range")

    with pytest.raises(ValueError, match=r"ValueError: .*5 is out of range"):
        evaluate("f({})", 5, f=out_of_range)


def test_an_overflow_is_one():
    """Others than overflows are ValueErrors."""
    with pytest.raises(OverflowError):
        evaluate("10.0**{}", 400)


def test_a_thrown_reply_passes_through():
    """A lab's calibration function may say what the reply shall be."""

    def refuse(x):
        raise ThrowReply("resource_error", "saturated")

    with pytest.raises(ThrowReply, match="saturated"):
        evaluate("2*f({})", f=refuse)


def test_sys_exit_in_a_function_is_an_error_like_others():
    """It does not leave the formula."""

    def leave(x):
        raise SystemExit(3)

    with pytest.raises(ValueError, match="SystemExit"):
        evaluate("f({})", f=leave)


def test_a_failure_does_not_linger():
    """The next formula is evaluated as if nothing had been."""
    evaluator = Evaluator({})
    with pytest.raises(ValueError, match="NameError"):
        evaluator.evaluate(Template("nonsense").filled(1))
    assert evaluator.evaluate(Template("2*{}").filled(2)) == 4


def test_huge_powers_are_refused():
    """A digit too many in an answer must not keep the service busy."""
    with pytest.raises(ValueError, match="exponent"):
        evaluate("9**{}", "999999999")


def test_a_function_may_evaluate_itself():
    """A calibration that needs another endpoint's calibration uses the same evaluator."""
    evaluator = Evaluator({"other": lambda: evaluator.evaluate(Template("10*{}").filled(4))})
    assert evaluator.evaluate(Template("{}+other()").filled(2)) == 42


def test_threads_do_not_disturb_each_other():
    """Several endpoints are calibrated at a time."""
    both = threading.Barrier(2, timeout=60)

    def meet(x):
        both.wait()
        return x

    evaluator = Evaluator({"meet": meet})
    template = Template("[meet({}), {}]")
    results = []
    threads = [
        threading.Thread(target=lambda raw=raw: results.append(evaluator.evaluate(template.filled(raw))))
        for raw in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[1, 1], [2, 2]]


def test_nothing_piles_up():
    """A formula evaluated all day leaves nothing behind in the evaluator."""
    evaluator = Evaluator({})
    template = Template("x = 2*{}\nx")
    before = evaluator.symtable.copy()
    for raw in range(100):
        evaluator.evaluate(template.filled(raw))
    assert evaluator.symtable == before
