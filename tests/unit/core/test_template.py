"""Calibration templates: formulas mean what they always meant, and what a device says is never code."""

from __future__ import annotations

import ast
from math import inf, nan
from typing import Any

import pytest
from asteval import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from dripline.core.evaluator import Evaluator
from dripline.core.template import Template


def double(x: float) -> float:
    """A lab's function."""
    return 2 * x


FUNCTIONS = {"double": double, "both": lambda *values: list(values), "length": len}
evaluator = Evaluator(FUNCTIONS)


def value_of(template: str, raw: Any) -> Any:
    """Evaluate a template."""
    return evaluator.evaluate(Template(template).filled(raw))


def as_ever(template: str, raw: Any) -> Any:
    """Evaluate as it was always done: format, then asteval; None when that fails."""
    try:
        text = template.format(*[raw.strip() if isinstance(raw, str) else raw] * 3)
    except (ValueError, TypeError):
        return None
    return Interpreter(user_symbols=dict(FUNCTIONS))(text, show_errors=False)


@pytest.mark.parametrize(
    ("template", "raw", "value"),
    [
        ("2*{}", 1.5, 3.0),
        ("2*{}", "+1.25E+00\n", 2.5),
        ("{}**2", -3, -9),  # as if it stood there: a minus sign binds weaker
        ("({})**2", -3, 9),
        ("1{}", 5, 15),
        ("{}e-3", 5, 0.005),
        ("0x{}", "10", 16),
        ("{:.1f}*2", 1.26, 2.6),
        ("{0}+{0}", 4, 8),
        ("double(double({}))", 2, 8),
        ("both({})", "1.5,-2,3e1", [1.5, -2, 30.0]),  # several readings in one answer
        ("[x*2 for x in [{}]]", "1, 2", [2, 4]),
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
def test_expressions_mean_what_they_always_meant(template, raw, value):
    """Numbers, several of them, text in quotes of any kind, format specs, functions in functions."""
    assert value_of(template, raw) == value


NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.sampled_from([0.0, -0.0, 1e22, 1e-7, -1, 10**16, 2**63]),
    st.from_regex(r"[-+ ]?[0-9]{1,4}(\.[0-9]{0,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
)
FORMULAS = st.sampled_from(
    [
        "{}",
        "2*{}",
        "{}*2",
        "-{}",
        "2-{}",
        "2 - {} ** 2",
        "{}**2",
        "({})*3",
        "abs({})",
        "double({})+1",
        "both({}, {})",
        "{:.2f}",
        "{:+.3e}*10",
        "{:>8}*1",
        "({:8.1f})",
        "'{}'",
        "'a{}b'",
        "float('{}')",
        "['{}', {}]",
        "1{}",
        "{}0",
        "{}.5",
        "{}e2",
        "1.{}",
        "x{}",
        "{}if 1 else 2",
        "1 if {}>3 else 2",
        "not{}",
        "{} in (1, 2)",
        "{}=1",
        "both({}=1)",
        "lambda {}: 1",
        "[{} for x in (1, 2)]",
        "[1 for {} in (1, 2)]",
        "'\\{}'",
        "'\\0{}'",
        "'\\x4{}'",
        "f'{{{}}}'",
        "f'{{2*{}}}{}'",
        "{{1: 'a', 2: 'b'}}.get({})",
        "both(*[{}])",
        "{} if {} else -{}",
        "2*3 # {}",
        "{}\n+1",
    ]
)


def same(one: Any, other: Any) -> bool:
    """Equal, also for nan, and of the same type."""
    return repr(one) == repr(other)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@given(FORMULAS, NUMBERS)
def test_numbers_mean_what_they_mean_when_they_are_written_out(template, raw):
    """Whether a value is given by name or written into the formula, the result is that of format-then-evaluate."""
    try:
        value = value_of(template, raw)
    except (ValueError, OverflowError):
        value = None
    assert same(value, as_ever(template, raw))


@given(
    st.sampled_from(["'{}'", "'a{}b'", "['{}', \"{}\"]", "'''{}'''", "r'{}'", "'{:>9}|'", "'{!s:.3}'"]),
    st.text(st.characters(codec="utf-8", exclude_characters="'\"\\{}\n\r\0"), max_size=12).filter(
        lambda text: text == text.strip()
    ),
)
def test_words_in_quotes_mean_what_they_mean_when_they_are_written_out(template, raw):
    """As long as they hold nothing that could end the quotes, which was an accident waiting to happen."""
    assert value_of(template, raw) == as_ever(template, raw)


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
    with pytest.raises(ValueError, match="is no number; to use it as text put the hole in quotes"):
        value_of(template, raw)


@pytest.mark.parametrize(
    "template",
    ["{0.__class__}", "{0[0]}", "{1}", "{value}", "{:{}}", "{0:{0}}", "{.real}", "{", "}", "{!x}", "{{}"],
)
def test_fields_that_are_not_the_raw_value_are_refused(template):
    """A format field that looks into the value, takes another one, or builds its format from it."""
    with pytest.raises(ValueError):  # noqa: PT011 - some of the texts are Python's
        Template(template)


@pytest.mark.parametrize(("template", "raw"), [("{:.2f}", "3.5"), ("{:d}", 1.5), ("{:>5}", [1]), ("b'{}'", "→")])
def test_a_format_that_does_not_suit_the_value_is_an_error(template, raw):
    """A ValueError like the others."""
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are Python's
        value_of(template, raw)


def test_what_is_no_formula_is_told():
    """With what was written and what Python says about it."""
    with pytest.raises(ValueError, match=r"'2\*\(5' is no formula: '\(' was never closed"):
        value_of("2*({}", 5)


def test_a_template_is_parsed_once(monkeypatch):
    """Numbers and texts of an instrument cost no parsing, only each combination of signs does."""
    template = Template("2*{}+float('{}')")
    for raw in (1.5, -1.5, "2.5"):
        template.filled(raw)
    monkeypatch.setattr(ast, "parse", None)
    assert evaluator.evaluate(template.filled(3.25)) == 9.75
    assert evaluator.evaluate(template.filled("-3.25")) == -9.75


@pytest.mark.parametrize("raw", [nan, inf, -inf])
def test_numbers_that_no_literal_is_are_written_out(raw):
    """In quotes they are words; in a formula they are names, which asteval knows or not."""
    assert value_of("'{}'", raw) == str(raw)
