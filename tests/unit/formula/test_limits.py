"""Nothing that stands in a formula takes long or becomes large."""

from __future__ import annotations

import time

import pytest

from dripline.formula import limits as limits
from dripline.formula.evaluator import Evaluator
from dripline.formula.template import Template


def evaluate(text, raw=1, **functions):
    """Evaluate a formula."""
    return Evaluator(functions).evaluate(Template(text).filled(raw))


BOMBS = [
    "9**9**9",
    "(9**999)**999",
    "9**{}",
    "[0]*10**10",
    "(0,)*10**10",
    "'a'*10**10",
    "10**10*'a'",
    "b'a'*10**10",
    "1<<10**10",
    "(1<<15000)*(1<<15000)",
    "list(range(10**10))",
    "sum(range(10**12))",
    "max(range(0, -10**30, -1))",
    "[1 for x in range(10**9)]",
    "[1 for x in range(99999) for y in range(99999)]",
    "[[0 for x in range(9)] for y in range(99999) if 0 for z in range(99999)]",
    "[sum(range(99999)) for x in range(99999)]",
    "'a'.ljust(10**10)",
    "'a'.center(10**9)",
    "'7'.zfill(10**9)",
    "('a'*99999).replace('a', 'b'*99999)",
    "('a'*99999).join(['b']*99999)",
    "'%1000000000d' % 1",
    "'%*d' % (10**9, 1)",
    "f'{{1:1000000000}}'",
    "format(1, '1000000000')",
    "bytes(10**10)",
    "bytearray(10**10)",
    "factorial(10**7)",
    "round(5, -10**9)",
    "sum([[1]*99999]*99999, [])",
    "int('f'*99999, 16)",
    "str([[[0]*9999]*9999]*9999)",
    "a = [0]*1000\nb = [a]*1000\nstr([b]*1000)",
    "a = [1]\nfor x in range(99999):\n    a = a + a",
    "a = 'x'\nfor x in range(99999):\n    a += a",
    "a = 3\nfor x in range(99999):\n    a *= a",
    "a = []\nfor x in range(99999):\n    a.append(a)\nstr(a)",
    "list(map(list, [range(99999)]*1000))",
    "list(map(list, map(range, [99999]*1000)))",
    "sorted([99999]*99999, key=bytes)",
    "str([{{'x'*90000: 0}}]*15000)",
    "'{:>900000000}'",
    "'{:.900000000f}'",
    "x = [0]*99999\n[[1 for x in range(2)] for y in range(9999)]",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_in_time(bomb):
    """Each ends with an error, within a second or two of processor time, instead of filling the memory."""
    begin = time.process_time()
    with pytest.raises((ValueError, OverflowError)):
        evaluate(bomb, "999999999")
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    "escape",
    [
        "'{{0.__class__}}'.format({})",
        "'{{0}}'.format_map({})",
        "f'{{({}).__class__}}'",
        "str.format('{{0.__class__}}', {})",
        "getattr({}, '__class__')",
        "setattr({}, 'x', 1)",
        "vars()",
        "globals()",
        "eval('1')",
        "exec('1')",
        "compile('1', '', 'eval')",
        "open('/etc/passwd')",
        "__import__('os')",
        "breakpoint()",
        "input()",
        "print(1)",
        "''.mro()",
        "str.mro()",
        "'a'.encode('idna')",
        "'a'.encode('zlib')",
        "f.func_globals",
        "fromfile('/etc/passwd')",
        "loadtxt('/etc/passwd')",
        "'%s' .translate({})",
    ],
)
def test_escapes_are_refused(escape):
    """No attribute of Python's own, no format string that reaches one, no file, no code in text."""
    with pytest.raises(ValueError):  # noqa: PT011 - the reasons differ
        evaluate(escape, f=len)


def test_type_gives_a_name_only():
    """Which has no way to a class."""
    assert evaluate("type({})", 2) == "int"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2**10", 1024),
        ("2**0.5 < 1.5", True),
        ("2**-1", 0.5),
        ("10**300", 10**300),
        ("sum([x**2 for x in range(1000)])", 332833500),
        ("'a,b'.split(',')[1].upper().replace('B', 'c').rjust(3)", "  c"),
        ("','.join(['a', 'b'])", "a,b"),
        ("'%5.2f' % {}", " 1.00"),
        ("f'{{({}):>4d}}'", "   1"),
        ("round(2.567, 1)", 2.6),
        ("sqrt(16) + log10(100) + sin(0)", 6.0),
        ("b'ab'.decode()", "ab"),
        ("'ab'.encode('ascii')", b"ab"),
        ("{{'a': 1}}.get('b', 7)", 7),
        ("x = {}\nif x > 0:\n    y = 5\nelse:\n    y = 6\ny*2", 10),
        ("(3).bit_length() + (2.0).real", 4.0),
        ("0b1010 & 6 | 1 ^ 3 << 2 >> 1", (0b1010 & 6) | (1 ^ ((3 << 2) >> 1))),
        ("7 // 2 + 7 % 4 - ~1", 8),
        ("[1] * 3 + [2]", [1, 1, 1, 2]),
        ("factorial(5)", 120),
        ("bytes([65, 66])", b"AB"),
        ("format(3.14159, '.2f')", "3.14"),
        ("interp(2)", 4),
        ("lab.scale * {}", 3),
        ("lab.method({})", 2),
    ],
)
def test_what_calibrations_do_stays(text, value):
    """Arithmetic, texts, tables, loops over lists, functions and objects of a lab."""

    class Lab:
        scale = 3

        def method(self, x):
            return 2 * x

    assert evaluate(text, 1, interp=lambda x: 2 * x, lab=Lab()) == value


def test_a_lab_gives_back_what_is_left_out():
    """`@calibrate({"open": f})` is the lab's function, and so is a `range` of its own."""
    assert evaluate("open({})", 3, open=lambda x: x + 1) == 4
    assert evaluate("range({})", 3, range=lambda x: x + 2) == 5


def test_what_a_labs_function_takes_does_not_count():
    """It may work for as long as it wants, on anything that it is not given by the formula."""
    assert evaluate("f({})", 3, f=lambda x: sum(range(10 * limits.STEPS))) > 0


def test_each_evaluation_counts_for_itself():
    """A formula that is evaluated all day does not run out of steps."""
    evaluator = Evaluator({})
    template = Template("[x for x in range(50000)][0] + {}")
    assert [evaluator.evaluate(template.filled(raw)) for raw in range(5)] == [0, 1, 2, 3, 4]


def test_a_lab_cannot_hide_the_end_of_the_steps():
    """Nor can a function defined in a `FormatEntity.evaluator`, which may have loops and `try`."""
    interpreter = Evaluator({})
    begin = time.process_time()
    with pytest.raises(limits.TooMuch):
        interpreter.eval(
            "def f():\n  while True:\n    try:\n      x = 1\n    except:\n      pass\nf()", raise_errors=True
        )
    assert time.process_time() - begin < 10
    assert interpreter.eval("1+1") == 2
