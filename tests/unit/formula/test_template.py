"""Formulas with holes: a hole is the value, and what a device says is never code."""

from __future__ import annotations

import ast
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.formula.evaluator import Evaluator
from dripline.formula.template import Template


def double(x: float) -> float:
    """A lab's function."""
    return 2 * x


FUNCTIONS = {
    "double": double,
    "both": lambda *values: list(values),
    "mean": lambda values: sum(values) / len(values),
    "length": len,
}
evaluator = Evaluator(FUNCTIONS)


def value_of(template: str, raw: Any) -> Any:
    """Evaluate a template."""
    return evaluator.evaluate(Template(template).filled(raw))


def in_python(template: str, x: Any) -> Any:
    """What Python computes with a variable in the holes, an error's kind if it cannot."""
    try:
        return eval(template.format(*["number"] * 3), {**FUNCTIONS, "number": x})
    except (ArithmeticError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize(
    ("template", "raw", "value"),
    [
        ("2*{}", 1.5, 3.0),
        ("2*{}", "+1.25E+00\n", 2.5),
        ("{}**2", -3, 9),  # the hole is the value, with its sign
        ("0.1*{}**2+3", "-5", 5.5),
        ("-{}**2", -3, -9),
        ("2**{}", -1, 0.5),
        ("{}.real", -3, -3),
        ("1{}", 5, 15),
        ("{}e-3", 5, 0.005),
        ("0x{}", "10", 16),
        ("{:.1f}*2", 1.26, 2.6),
        ("{:.1f}*2", "+1.26E+00\n", 2.6),
        ("{0}+{0}", 4, 8),
        ("double(double({}))", 2, 8),
        ("{}*2", "000300", 600),  # as instruments write numbers
        ("{}*2", "+1.00000E+00\r\n", 2.0),
        ("{} > 0", "inf", True),
        ("2 * {}", "true", 2),
        ("1 if '{}' == 'ON' else 0", " ON ", 1),
        ("{{'ON': 1, 'OFF': 0}}['{}']", "OFF", 0),
        ("'{}'.strip('V').lower()", "3V", "3"),
        ("float('{}'[1:])", "N2.5", 2.5),
        ("'{}' + \"{}\"", "a", "aa"),
        ("length('''{}''')", "abc", 3),
        ("f'{{double(2)}} {}'", "x", "4 x"),
        ("b'{}'", "x", b"x"),
        ("{!r}.upper()", "on", "ON"),
        ("{}", True, True),
        ("{}['level'] * 2", {"level": 4}, 8),
        ("{}", "0x1F", 31),
        ("6*7", 1, 42),
        ("2*3 # of {}", 1, 6),
    ],
)
def test_a_hole_is_the_value_or_a_part_of_a_text(template, raw, value):
    """Numbers, text in quotes of any kind, digits beside a hole, format specs, functions in functions."""
    assert value_of(template, raw) == value


@pytest.mark.parametrize(
    ("template", "raw", "value"),
    [
        ("sum([{}])/2", "1.5,2.5", 2.0),
        ("[{}]", "1.5, -2,3e1\n", [1.5, -2, 30.0]),
        ("[{}]", "1.5", [1.5]),
        ("[{}][1]", "000300,+1.0E+00,", 1.0),
        ("({})[0]", "1.5,2.5", 1.5),
        ("[x*2 for x in [{}]]", "1, 2", [2, 4]),
        ("[x*2 for x in {}]", "1, 2", [2, 4]),
        ("max({})", "1.5,-2,3e1", 30.0),
        ("sum({})", "1.5,2.5", 4.0),
        ("len({})", ",".join(["1.5"] * 2000), 2000),
        ("hypot({})", "3,4", 5.0),  # takes no list
        ("both({})", "1.5,-2,3e1", [1.5, -2, 30.0]),  # a lab's function gets as many arguments as it takes
        ("mean({})", "1.5,2.5", 2.0),
        ("'{}'", "1.5,2.5", "1.5,2.5"),
    ],
)
def test_several_numbers_are_a_list(template, raw, value):
    """Where a hole stands alone in brackets, or is a call's only argument, and where it is indexed or iterated."""
    assert value_of(template, raw) == value


@pytest.mark.parametrize("template", ["{}", "{}*2", "2*({})", "max({}, 3)", "-{}", "{} if 1 else 2", "{} == 1.5"])
def test_several_numbers_elsewhere_are_an_error(template):
    """No list is multiplied by accident."""
    with pytest.raises(ValueError, match=r"'1.5,2.5' contains several numbers; write \[{}\] for a list"):
        value_of(template, "1.5,2.5")


FORMULAS = st.sampled_from(
    [
        "{}",
        "2*{}",
        "-{}",
        "2-{}",
        "2 - {} ** 2",
        "{}**2",
        "0.1*{}**2+3",
        "{}**3-{}**2",
        "-{}**2",
        "({})*3",
        "abs({})",
        "double({})+1",
        "both({}, {})",
        "1 if {}>3 else 2",
        "not {}",
        "{} in (1, 2)",
        "[{} for x in (1, 2)]",
        "{} if {} else -{}",
        "{}//7",
        "{}%7",
        "1/{}",
        "2.0**{}",
    ]
)
WRITTEN = ["{!r}", " {!r}\r\n", "{:.17e}", "{:+.17E}", "{:+024.17e}"]


def same(one: Any, other: Any) -> bool:
    """Equal, also for nan, and of the same type."""
    return repr(one) == repr(other)


def outcome(template: str, raw: Any) -> Any:
    """The value of a template, or what kind of error it is."""
    try:
        return value_of(template, raw)
    except OverflowError:
        return OverflowError
    except ValueError as error:  # the text names the kind of other errors
        return next(kind for kind in (ZeroDivisionError, ValueError) if kind.__name__ in str(error))


@given(FORMULAS, st.one_of(st.floats(), st.integers(-(10**20), 10**20), st.booleans()))
def test_a_formula_is_a_function_of_its_number(template, x):
    """For every number x the result is Python's f(x), whatever its sign."""
    assert same(outcome(template, x), in_python(template, x))


@given(FORMULAS, st.floats(), st.sampled_from(WRITTEN))
def test_a_formula_is_a_function_of_the_number_that_a_device_writes(template, x, written):
    """In any notation, with leading zeros, plus signs and line ends."""
    text = written.format(x) if isfinite(x) else f" {x}\r\n"
    assert same(outcome(template, text), in_python(template, x))


@pytest.mark.parametrize(
    "template", ["ch{}", "{}_x", "{}{}", "f.ch{}", "both({}=1)", "{}=1", "[1 for {} in (1, 2)]"]
)
def test_a_hole_is_no_part_of_a_name(template):
    """It stands for a value."""
    with pytest.raises(ValueError, match=r"a hole {} stands for a value|nothing can be assigned to the hole"):
        Template(template)


@pytest.mark.parametrize("template", ["'\\{}'", "'\\0{}'", "'a\\\\\\{}'"])
def test_a_backslash_in_front_of_a_hole_is_refused(template):
    """It would change the first character of the value."""
    with pytest.raises(ValueError, match="a backslash in front of a hole; double it"):
        Template(template)
    assert value_of("'\\\\{}'", "n") == "\\n"


@given(
    st.sampled_from(["'{}'", "'a{}b'", "['{}', \"{}\"]", "'''{}'''", "r'{}'", "'{:>9}|'", "'{!s:.3}'"]),
    st.text(st.characters(codec="utf-8", exclude_characters="'\"\\{}\n\r\0"), max_size=12).filter(
        lambda text: text == text.strip()
    ),
)
def test_words_in_quotes_mean_what_they_mean_when_they_are_written_out(template, raw):
    """As long as they hold nothing that could end the quotes, which was an accident waiting to happen."""
    assert value_of(template, raw) == eval(template.format(raw, raw))


HOSTILE = [
    "'+open('/etc/hostname').read()+'",
    "' if canary() else '",
    "\\' + canary() + \\'",
    '"+canary()+"',
    "''' + canary() + '''",
    "{canary()}",
    "{0.__class__}",
    "\\",
    "\\N{DIGIT ONE}",
    "\n+canary()",
    "\0",
    "raw_value0_",
    "#",
    "'",
    "é\u2019",
]
QUOTED = [
    "'{}'",
    '"{}"',
    "'''{}'''",
    '"""{}"""',
    "r'{}'",
    "f'{}'",
    "rf'{}'",
    "u'{}'",
    "'a{}'+\"{}\"",
    "both('{}')",
]


@pytest.mark.parametrize("template", QUOTED)
@pytest.mark.parametrize("raw", HOSTILE)
def test_device_text_is_text(template, raw):
    """In quotes of every kind it comes out as it went in, and nothing of it is run."""
    called = []
    watched = Evaluator({"canary": lambda: called.append(1), "both": lambda text: text})
    value = watched.evaluate(Template(template).filled(raw))
    assert value in (raw.strip(), f"a{raw.strip()}{raw.strip()}")
    assert called == []


@given(st.sampled_from([*QUOTED, "{}", "2*{}", "both({})", "'{}'*2", "b'{}'", "['{}', {}]"]), st.text(max_size=40))
def test_device_text_is_never_code(template, raw):
    """Whatever it says: it becomes a text, a number, or an error; the formula keeps its shape."""
    words = Evaluator({"both": lambda *values: values})
    try:
        formula = Template(template).filled(raw)
    except ValueError:
        return
    assert not {"open", "canary"} & {node.id for node in ast.walk(formula.tree) if isinstance(node, ast.Name)}
    try:
        words.evaluate(formula)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("template", "raw"),
    [
        ("{}", "open('/etc/hostname')"),
        ("2*{}", "3 volts"),
        ("{}", "9**9**9"),
        ("{}", "12:30:00"),
        ("{}", "١٢"),  # digits, but none of Python's
        ("{}", "9" * 5000),
        ("{}", "nan+1"),
        ("2*{}", ""),
        ("# {}", "\nopen"),
    ],
)
def test_words_outside_quotes_are_refused(template, raw):
    """With a text that tells what to do about it."""
    with pytest.raises(ValueError, match="is not a number; to use it as text, put the hole in quotes"):
        value_of(template, raw)


@pytest.mark.parametrize(
    ("template", "raw", "value"),
    [
        ("0 if '{}' == 'OFF' else 2*{}", "OFF", 0),
        ("0 if '{}' == 'OFF' else 2*{}", "-5", -10),
        ("sum([{}]) if ',' in '{}' else {}**2", "1,2", 3),
        ("1 if '{}' == 'OFF' else {:.2f}", "OFF", 1),
        ("'{}' == 'OFF' or {} < 0", "OFF", True),
        ("if '{}' == 'OFF':\n  x = 0\nelse:\n  x = {}\nx", "OFF", 0),
        ("(0 if '{}' == 'OFF' else [{}])", "OFF", 0),
    ],
)
def test_a_branch_that_is_not_evaluated_needs_no_number(template, raw, value):
    """As in Python."""
    assert value_of(template, raw) == value


@pytest.mark.parametrize(
    "template", ["0 if '{}' == 'OFF' else 2*{}", "'{}' == 'OFF' or {} < 0", "0 if {} > 1 else 2"]
)
def test_a_branch_that_is_evaluated_does(template):
    """With the same text as elsewhere."""
    with pytest.raises(ValueError, match=r"^'ON' is not a number; to use it as text, put the hole in quotes"):
        value_of(template, "ON")


@pytest.mark.parametrize(
    ("template", "raw", "value"),
    [("nan if {} > 9e37 else {}", "9.91E37", "nan"), ("inf*{}", 2, "inf"), ("-inf", 2, "-inf")],
)
def test_nan_and_inf_are_known_without_numpy(template, raw, value):
    """They are values of devices."""
    assert str(value_of(template, raw)) == value


@pytest.mark.parametrize(
    "template",
    ["{0.__class__}", "{0[0]}", "{1}", "{value}", "{:{}}", "{0:{0}}", "{.real}", "{", "}", "{!x}", "{{}"],
)
def test_fields_that_are_not_the_raw_value_are_refused(template):
    """A format field that looks into the value, takes another one, or builds its format from it."""
    with pytest.raises(ValueError):  # noqa: PT011 - some of the texts are Python's
        Template(template)


@pytest.mark.parametrize(
    ("template", "raw"),
    [("'{:.2f}'", "3.5"), ("{:.2f}", "3 V"), ("{:,}", 1234567), ("{:d}", 1.5), ("{:>5}", [1]), ("b'{}'", "→")],
)
def test_a_format_that_does_not_suit_the_value_is_an_error(template, raw):
    """A ValueError like the others."""
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are Python's
        value_of(template, raw)


def test_what_is_no_formula_is_told():
    """With what was written and what Python says about it."""
    with pytest.raises(ValueError, match=r"'2\*\({}' is not a formula: '\(' was never closed"):
        value_of("2*({}", 5)


def test_a_template_is_parsed_once(monkeypatch):
    """Values of an instrument cost no parsing."""
    template = Template("2*{}+float('{}')")
    monkeypatch.setattr(ast, "parse", None)
    assert evaluator.evaluate(template.filled(3.25)) == 9.75
    assert evaluator.evaluate(template.filled("-3.25")) == -9.75


@pytest.mark.parametrize("raw", [nan, inf, -inf])
def test_nan_and_infinity_are_numbers(raw):
    """In quotes they are words."""
    assert value_of("'{}'", raw) == str(raw)
    assert same(value_of("{}", raw), raw)
    assert same(value_of("{}", str(raw)), raw)
