"""YAML text to plain Python values, with the line of every error.

YAML's parser makes nodes; making values of them is ours, because

- PyYAML takes the last of two equal keys without a word; here it is an error that names both lines;
- PyYAML reads `12:30:00` as 45000, `010` as 8, `1e3` as text and `2024-01-02` as a date; here a number is what
  `dripline.config.overrides` calls one (and `0x1F`, `0o17`, `.inf`, `.nan`), all the rest is text;
- keys are the text that stands in the file, also `on:` and `1:`, as in JSON.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import yaml

from dripline.config.diagnostics import Diagnostic, InvalidConfiguration, Place
from dripline.config.overrides import read_number
from dripline.config.suggest import find_missing_space, missing_space_in_entry

_TAG = "tag:yaml.org,2002:"
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NON_FINITE = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")


# What begins with another letter is no number, no null (n), and neither true (t, y, o) nor false (f, n, o).
_PLAIN_LETTERS = frozenset("abcdeghijklmpqrsuvwxzABCDEGHIJKLMPQRSUVWXZ")

_PLAIN = "plain"
_DEEPEST = 1000
#: Most values that aliases (`*name`) may make of a text: each is a copy, and copies may have copies in them.
MOST_VALUES = 1_000_000
# With fewer no text can be so deep that it matters.
_MANY_OPENINGS = 20_000


class _Loader(_BASE):  # type: ignore[misc]  # the C loader has no types
    """Decides nothing about words without quotes and without a tag: `plain_value` does."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node that has none in the text."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TAG + "str"
        return _TAG + ("seq" if kind is yaml.SequenceNode else "map")


def _problem(text: str, mark: Any) -> Diagnostic:
    """A problem at a mark of PyYAML, whose lines and columns count from 0; None is nowhere in particular."""
    return Diagnostic(Place.at("", mark), text)


def _refusal(text: str, mark: Any) -> InvalidConfiguration:
    return InvalidConfiguration([_problem(text, mark)])


def compose(text: str) -> yaml.Node | None:
    """The node tree of a text; None for an empty one.

    Raises:
        ConfigurationError: The text is not valid YAML.
    """
    if _may_be_deep(text) and _is_deep(text):
        raise _refusal("nested too deep", Mark(0, 0))
    try:
        with _without_collector():
            root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        missing = _missing_space(text, error)
        if missing is not None:
            raise InvalidConfiguration([missing]) from error
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        mark = _mark_of(text, error)
        raise _refusal(reason + _hint(text, error) + _unquoted(text, mark), mark) from error
    except yaml.reader.ReaderError as error:
        raise _refusal(f"a control character ({error.character!r})", _mark_at(text, error)) from error
    return root


def _missing_space(text: str, error: yaml.MarkedYAMLError) -> Diagnostic | None:
    if error.problem_mark is None or not any(sign in str(error.problem) for sign in _JOINED_LINES):
        return None
    return find_missing_space(text, error.problem_mark.line)


def _may_be_deep(text: str) -> bool:
    if text.count("[") + text.count("{") > _MANY_OPENINGS:
        return True
    # Deep blocks stand in deep columns.
    return len(text) > _MANY_OPENINGS and max(map(len, text.splitlines())) > _MANY_OPENINGS


def _is_deep(text: str) -> bool:
    """Whether a text is nested beyond what the C loader, which calls itself for each level, survives."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_BASE):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return True
    except yaml.YAMLError:
        return depth > _DEEPEST  # told by who composes
    return False


def read(text: str) -> tuple[Any, list[Diagnostic]]:
    """The value that a YAML text holds, as far as it can be told, and all that is wrong with it.

    Of equal keys the first counts; a tag that is refused is left out. What is no YAML has no value.
    """
    mistakes: list[Diagnostic] = []
    try:
        with _without_collector():
            return _built(text, mistakes), mistakes
    except InvalidConfiguration as invalid:
        return None, invalid.diagnostics
    except RecursionError:
        return None, [_problem("nested too deep, or an alias that contains itself", Mark(0, 0))]


def _built(text: str, mistakes: list[Diagnostic]) -> Any:
    # The nodes are gone when this returns, before the collector would go through them.
    root = compose(text)
    if root is None:
        return None
    _check_aliases(text, root)
    return build(root, mistakes)


def _check_aliases(text: str, root: yaml.Node) -> None:
    """Refuse a text of a few lines that stands for more than a machine can hold."""
    if "*" in text and "&" in text and _values_in(root, {}) > MOST_VALUES:
        raise _refusal(f"its aliases (*name) make more than {MOST_VALUES} values of it", root.start_mark)


def _values_in(node: yaml.Node, known: dict[int, int]) -> int:
    count = known.get(id(node))
    if count is None:
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        count = known[id(node)] = 1 + sum(_values_in(part, known) for part in parts)
    return count


def build(node: yaml.Node, mistakes: list[Diagnostic]) -> Any:
    """The value of a node; `mistakes` grows by what is wrong below the node."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, mistakes)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, mistakes)
    _refuse_tag(node, "seq", mistakes)
    return [build(child, mistakes) for child in node.value]


def plain_value(word: str) -> Any:
    """The value of a word that stands in a YAML file without quotes."""
    if word[:1] in _PLAIN_LETTERS:  # the most common case, told without a look at the rest
        return word
    if word in ("", "~") or word.lower() == "null":
        return None
    number = read_number(word)
    if number is not None:
        return number
    lower = word.lower()
    if lower in _BOOLEANS and word in (lower, word.upper(), word.capitalize()):
        return _BOOLEANS[lower]
    if _HEXADECIMAL.fullmatch(word):
        return int(word, 0)
    return _NON_FINITE.get(lower, word)


def _scalar(node: yaml.ScalarNode, mistakes: list[Diagnostic]) -> Any:
    tag: str = node.tag
    if tag == _TAG + "str":
        return node.value
    if tag == _PLAIN:
        return plain_value(node.value)
    convert = _TAGGED.get(tag.removeprefix(_TAG))
    if convert is None:
        _refuse(node, mistakes)
        return node.value
    try:
        return convert(node.value)
    except ValueError:
        mistakes.append(_problem(f"{node.value!r} is no {tag.removeprefix(_TAG)}", node.start_mark))
        return node.value


def _boolean(word: str) -> bool:
    if word.lower() not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[word.lower()]


_TAGGED: dict[str, Callable[[str], Any]] = {
    "int": lambda word: int(word, 0),
    "float": lambda word: _NON_FINITE.get(word.lower()) or float(word),
    "bool": _boolean,
    "null": lambda word: None,
}


def _mapping(node: yaml.MappingNode, mistakes: list[Diagnostic]) -> dict[str, Any]:
    _refuse_tag(node, "map", mistakes)
    values: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            mistakes.append(_problem("a key must be a single word or text", key_node.start_mark))
        elif key == "<<" and key_node.tag == _PLAIN:
            _merge(merged, value_node, mistakes)
        elif key in values:
            mistakes.append(_twice(node, key, key_node))
        else:
            values[key] = build(value_node, mistakes)
            hint = missing_space_in_entry(key) if node.flow_style and key_node.tag == _PLAIN else ""
            if hint and values[key] is None:  # {name:pears} or {1:on}
                mistakes.append(_problem(hint, key_node.start_mark))
                del values[key]
                name, _, value = key.partition(":")
                values.setdefault(name, plain_value(value))
    return {**merged, **values} if merged else values


def _twice(node: yaml.MappingNode, key: str, again: yaml.Node) -> Diagnostic:
    first = next(other for other, _ in node.value if other.value == key)
    return _problem(
        f"the key {key!r} stands twice, first in line {first.start_mark.line + 1}; remove one of them",
        again.start_mark,
    )


def _merge(merged: dict[str, Any], node: yaml.Node, mistakes: list[Diagnostic]) -> None:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for source in sources:
        if not isinstance(source, yaml.MappingNode):
            mistakes.append(_problem("'<<' merges mappings only", source.start_mark))
            continue
        # What is wrong with the mapping is told where it stands, not again where it is merged.
        for key, value in _mapping(source, []).items():
            merged.setdefault(key, value)


def _refuse_tag(node: yaml.Node, expected: str, mistakes: list[Diagnostic]) -> None:
    if node.tag != _TAG + expected:
        _refuse(node, mistakes)


def _refuse(node: yaml.Node, mistakes: list[Diagnostic]) -> None:
    mistakes.append(_problem(f"the tag {node.tag.replace(_TAG, '!!')!r} is not allowed here", node.start_mark))


_HINTS = {
    "mapping values are not allowed": "quote text that contains ': ', and check the indentation",
    "undefined alias": "quote text that begins with '*'",
    "cannot start any token": "indent with spaces, not tabs, and quote text that begins with a special character",
    "did not find expected key": "check the indentation, and quote text that begins with '{', '[', '*' or '&'",
    "did not find expected ',' or": "close the bracket, or quote text with '{', '[' or ',' in it",
    "did not find expected '-' indicator": "indent the entries of a list, and the keys of each entry, equally",
    "found another document": "a file holds one configuration: remove '---', or put the rest into another file",
    "expected <document start>": "write '---' on a line between the directives, such as %YAML, and the rest",
    "could not find expected ':'": "every key wants a ':' and a space",
    "unexpected end of stream": "a quote or bracket is never closed",
}


# Problems that arise where a line was read as the continuation of the one before.
_JOINED_LINES = ("mapping values are not allowed", "could not find expected ':'", "did not find expected key")


def _hint(text: str, error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    return next((f" ({hint})" for sign, hint in _HINTS.items() if sign in problem), "")


_LONGEST_LINE = 500  # in which a value is looked for
# A value that cannot stand without quotes: it begins with a character that YAML reserves, or goes on behind
# something complete (a hole, a list, a text in quotes), as formulas do.
_VALUE = re.compile(
    r"""\s*(?:-\s+)*(?P<key>[\w.-]+:\s+)?
    (?P<value>(?:
        [%@`] | \*(?![\w-]+\s*$) | \{0?(?:![rsa])?:[^{}\s]+\}
        | (?: \{0?(?:![rsa])?\} | \{\{.*?\}\} | \[.*?\] | "(?:[^"\\]|\\.)*" | '(?:[^']|'')*' )\s*[^\s#]
    ).*?)(?:\s+\#.*)?\s*""",
    re.VERBOSE,
)


def _unquoted(text: str, mark: Any) -> str:
    """Describe a value without quotes in the line of a mistake; empty if that is not the mistake."""
    line = text.splitlines()[mark.line] if mark is not None else ""
    match = _VALUE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
    if match is None:
        return ""
    value = match["value"]
    plain = "'" in value and '"' not in value and "\\" not in value
    quoted = f'"{value}"' if plain else "'" + value.replace("'", "''") + "'"
    return f"; a value that begins with {value[0]} needs quotes: {match['key'] or '- '}{quoted}"


class Mark(NamedTuple):
    """A place in a text, counted from 0."""

    line: int
    column: int


def _mark_of(text: str, error: yaml.MarkedYAMLError) -> Any:
    """Where to look: behind the last line nothing is to be seen, but where the unfinished thing began."""
    lines = text.splitlines()
    for mark in (error.problem_mark, error.context_mark):
        if mark is not None and mark.line < len(lines):
            return mark
    return Mark(len(lines) - 1, len(lines[-1])) if lines else None


def _mark_at(text: str, error: yaml.reader.ReaderError) -> Mark:
    # The C loader counts bytes, and gives the number of the character.
    before = text.encode()[: error.position].decode(errors="ignore")
    return Mark(before.count("\n"), len(before) - before.rfind("\n") - 1)


@contextmanager
def _without_collector() -> Iterator[None]:
    # Thousands of fresh nodes make the cyclic collector run again and again for nothing: half of the loading time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
