"""YAML as it is read here."""

from __future__ import annotations

import contextlib
import gc
import math
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.config import yaml_nodes
from dripline.config.diagnostics import InvalidConfiguration
from dripline.config.yaml_nodes import compose, plain_value, read


def place_in(error):
    """Line and column of an error, counted from 0."""
    place = error.diagnostics[0].place
    return place.line - 1, place.column - 1


def load(text):
    """The value that a text holds; raises the first of what is wrong with it."""
    value, mistakes = read(text)
    if mistakes:
        raise InvalidConfiguration(mistakes[:1])
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0.75", -0.75),
        ("1e3", 1000.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("-.inf", -math.inf),
        ("true", True),
        ("True", True),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("null", None),
        ("'5'", "5"),
        ('"on"', "on"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("!!bool on", True),
        ("!!null x", None),
    ],
)
def test_words_without_quotes_are_what_they_look_like(text, value):
    """Numbers, booleans and null; quotes and tags make text of them, or the other way round."""
    loaded = load(f"x: {text}")["x"]
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    "text", ["12:30:00", "007", "010", "2024-01-02", "1_000", "10abc", "3 volts", "tRue", "=", "y"]
)
def test_what_is_no_number_is_text(text):
    """PyYAML alone makes 45000 of 12:30:00, 8 of 010 and a date of 2024-01-02."""
    assert load(f"x: {text}") == {"x": text}


def test_not_a_number_can_be_written():
    """`.nan` is YAML's own word for it."""
    assert math.isnan(plain_value(".nan"))


def test_keys_are_the_text_that_stands_in_the_file():
    """As in JSON: a table of values may have `on:` and `1:` as keys."""
    assert load("{on: 1, 1: 2, 1.50: 3, null: 4, ENV: 5}") == {"on": 1, "1": 2, "1.50": 3, "null": 4, "ENV": 5}


def test_a_key_that_stands_twice_is_a_mistake():
    """PyYAML silently takes the last one."""
    with pytest.raises(InvalidConfiguration) as caught:
        load("name: a\nendpoints: []\nname: b\n")
    assert str(caught.value) == "the key 'name' stands twice, first in line 1; remove one of them"
    assert place_in(caught.value) == (2, 0)


def test_anchors_and_merges_save_typing():
    """Endpoints that have much in common may be written so."""
    base = "base: &base {module: KeyValueStore, log_interval: 10}\n"
    loaded = load(base + "a: {<<: *base, log_interval: 5}\nb: {<<: [*base]}\n")
    assert loaded["a"] == {"module": "KeyValueStore", "log_interval": 5}
    assert loaded["b"] == loaded["base"]
    assert loaded["b"] is not loaded["base"]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: b: c", "mapping values are not allowed in this context (quote text that contains ': ', ", 0, 4),
        ("a:\n\tb: 1", "found character that cannot start any token (indent with spaces, not tabs", 1, 0),
        (
            "calibration: {}*2\n",
            "did not find expected key (check the indentation, and quote text that begins",
            0,
            15,
        ),
        ("a: 'x\n", "found unexpected end of stream (a quote or bracket is never closed)", 0, 3),
        ("a: *foo", "found undefined alias (quote text that begins with '*')", 0, 3),
        ("a: [1,\nb: 2\n", "did not find expected ',' or ']' (close the bracket, or quote", 0, 3),
        ("a: 1\n---\nb: 2\n", "found another document (a file holds one configuration: remove '---'", 1, 0),
        ("- a: 1\n  b: 2\n c: 3\n", "(indent the entries of a list, and the keys of each entry, equally)", 2, 1),
        ("%YAML 1.2\na: 1\n", "(write '---' on a line between the directives", 1, 0),
        ("ä: x\nb: a\x07", "a control character", 1, 4),
        ("? [a]\n: b", "a key must be a single word or text", 0, 2),
        ("a: !!python/object:os.system x", "the tag '!!python/object:os.system' is not allowed here", 0, 3),
        ("a: !!int x", "'x' is no int", 0, 3),
        ("a: !mine [1]", "the tag '!mine' is not allowed here", 0, 3),
        ("<<: 5", "'<<' merges mappings only", 0, 4),
        ("a: &a [*a]", "nested too deep, or an alias that contains itself", 0, 0),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(text, message, line, column):
    """What the parser expected, where, and what usually helps."""
    with pytest.raises(InvalidConfiguration) as caught:
        load(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert place_in(caught.value) == (line, column)


@pytest.mark.parametrize(
    "value",
    [
        "{} * 2",
        "{}**2",
        "{} + 1",
        "{:.2f}",
        "{{1: 2}}[{}]",
        "[{}][0]",
        "*IDN?",
        "*OPC?;*IDN?",
        "%d",
        "@x",
        '"{}"*2',
    ],
)
@pytest.mark.parametrize("line", ["key: {}", "- key: {}  # why", "- {}"])
def test_a_formula_or_command_without_quotes_is_told_how_to_quote_it(value, line):
    """YAML reads maps, lists and aliases in what is meant as a text."""
    line = line.replace("{}", value)
    with pytest.raises(
        InvalidConfiguration, match=f"begins with {re.escape(value[0])} needs quotes: .*"
    ) as caught:
        load(f"first: 1\nmany:\n{line if line.startswith('-') else '  ' + line}\n")
    assert f"begins with {value[0]} needs quotes: " in str(caught.value)
    shown = str(caught.value).partition("needs quotes: ")[2]
    assert value in str(load(shown))
    assert place_in(caught.value)[0] == 2


def test_quotes_of_the_value_are_kept():
    """The line that is shown can be pasted."""
    with pytest.raises(InvalidConfiguration) as caught:
        load("key: '{}'.strip()\n")
    assert str(caught.value).endswith("""needs quotes: key: "'{}'.strip()\"""")


# Numbers here, and text for PyYAML, which writes them without quotes.
_OUR_NUMBERS = re.compile(r"[-+]?[\d.]+[eE][-+]?\d+|0o[0-7]+")
_TEXTS = st.text().filter(lambda text: not _OUR_NUMBERS.fullmatch(text))
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS
_TREES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), _TREES, max_size=5))
def test_what_pyyaml_writes_is_read_back(tree):
    """Our own rules for words do not disagree with what other programs write."""
    assert load(yaml.safe_dump(tree)) == tree


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused_with_a_mistake(text):
    """Whatever the file contains, only InvalidConfiguration is raised."""
    with contextlib.suppress(InvalidConfiguration):
        load(text)


def test_the_garbage_collector_is_left_as_it_was():
    """It is off while nodes are made, and only then."""
    for turn in (gc.disable, gc.enable):
        turn()
        before = gc.isenabled()
        load("a: 1")
        with pytest.raises(InvalidConfiguration):
            load("a: 1\na: 2")
        assert gc.isenabled() is before


def test_an_empty_text_has_no_nodes():
    """Nor has one with nothing but comments."""
    assert compose("# nothing\n") is None
    assert load("") is None


def test_all_mistakes_of_a_text_are_told_with_what_could_be_read():
    """Only what is no YAML at all hides the rest."""
    value, mistakes = read("a: 1\na: 2\nb: !!int x\nc: !mine [1]\n? [k]\n: v\n<<: 5\n")
    assert value == {"a": 1, "b": "x", "c": [1]}
    assert [mistake.place.line for mistake in mistakes] == [2, 3, 4, 5, 7]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_text_that_is_nested_without_end_is_refused(opening):
    """An older C loader would end the process, a newer one refuses it in its own words."""
    with pytest.raises(InvalidConfiguration) as refused:
        load(opening * 200_000)
    assert place_in(refused.value) >= (0, 0)


def test_a_bomb_of_aliases_is_refused():
    """Ten lines that stand for ten thousand million values: one line says so, nothing is built."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InvalidConfiguration, match=r"aliases .* more than 1000000 values"):
        load("\n".join(lines))


def test_a_bomb_of_merged_mappings_is_refused():
    """Likewise with '<<'."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}, <<: *a{n - 1}}}" for n in range(1, 40)]
    with pytest.raises(InvalidConfiguration, match="aliases"):
        load("\n".join(lines))


def test_aliases_are_for_use():
    """A block that a thousand endpoints share."""
    endpoints = "".join(f"- {{name: e{n}, <<: *base}}\n" for n in range(1000))
    text = f"base: &base {{log_interval: 5}}\nendpoints:\n{endpoints}"
    assert load(text)["endpoints"][999] == {"name": "e999", "log_interval": 5}


@pytest.mark.parametrize(
    "word", ["null", "Null", "yes", "Yes", "true", "TRUE", "on", "off", "No", "false", "False"]
)
def test_words_that_begin_with_a_letter_and_are_no_text_are_told_so(word):
    """All other words of letters are text, which is told by the first letter where that is enough."""
    assert not isinstance(plain_value(word), str)
    assert word[0] not in yaml_nodes._PLAIN_LETTERS
