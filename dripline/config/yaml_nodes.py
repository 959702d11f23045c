"""YAML text to plain Python, with the place of every mistake.

YAML's parser makes nodes; making values of them is ours, because

- PyYAML takes the last of two equal keys without a word; here it is an error that names both lines;
- PyYAML reads `12:30:00` as 45000, `010` as 8, `1e3` as text and `2024-01-02` as a date; here a number is what
  `dripline.config.words` calls one (and `0x1F`, `0o17`, `.inf`, `.nan`), all the rest is text;
- keys are the text that stands in the file, also `on:` and `1:`, as in JSON.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import yaml

from dripline.config.words import read_number

_TAG = "tag:yaml.org,2002:"
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NON_FINITE = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")


_PLAIN = "plain"


class _Loader(_BASE):  # type: ignore[misc]  # the C loader has no types
    """Decides nothing about words without quotes and without a tag: `plain_value` does."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node that has none in the text."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TAG + "str"
        return _TAG + ("seq" if kind is yaml.SequenceNode else "map")


class YamlMistake(Exception):
    """Something in the text that cannot be used.

    Attributes:
        mark: where, as PyYAML tells it (`line` and `column` count from 0); None if nobody knows.
    """

    def __init__(self, message: str, mark: Any) -> None:
        super().__init__(message)
        self.mark = mark


def compose(text: str) -> yaml.Node | None:
    """The node tree of a text; None for an empty one.

    Raises:
        YamlMistake: the text is no YAML.
    """
    try:
        with _without_collector():
            root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlMistake(reason + _hint(text, error), _mark_of(text, error)) from error
    except yaml.reader.ReaderError as error:
        raise YamlMistake(f"a control character ({error.character!r})", _mark_at(text, error)) from error
    return root


def load(text: str) -> Any:
    """The value that a YAML text holds; None for an empty one.

    Raises:
        YamlMistake: the text is no YAML, a key stands twice, or a tag asks for more than plain values.
    """
    root = compose(text)
    if root is None:
        return None
    try:
        with _without_collector():
            return build(root)
    except RecursionError:
        raise YamlMistake("nested too deep, or an alias that contains itself", root.start_mark) from None


def build(node: yaml.Node) -> Any:
    """The value of a node."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    _refuse_tag(node, "seq")
    return [build(child) for child in node.value]


def plain_value(word: str) -> Any:
    """The value of a word that stands in a YAML file without quotes."""
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


def _scalar(node: yaml.ScalarNode) -> Any:
    tag: str = node.tag
    if tag == _TAG + "str":
        return node.value
    if tag == _PLAIN:
        return plain_value(node.value)
    convert = _TAGGED.get(tag.removeprefix(_TAG))
    if convert is None:
        _refuse(node)
    try:
        return convert(node.value)
    except ValueError:
        raise YamlMistake(f"{node.value!r} is no {tag.removeprefix(_TAG)}", node.start_mark) from None


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


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    _refuse_tag(node, "map")
    values: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise YamlMistake("a key must be a single word or text", key_node.start_mark)
        if key == "<<" and key_node.tag == _PLAIN:
            _merge(merged, value_node)
            continue
        if key in values:
            first = next(other for other, _ in node.value if other.value == key)
            raise YamlMistake(
                f"the key {key!r} stands twice, first in line {first.start_mark.line + 1}; remove one of them",
                key_node.start_mark,
            )
        values[key] = build(value_node)
    return {**merged, **values} if merged else values


def _merge(merged: dict[str, Any], node: yaml.Node) -> None:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for source in sources:
        if not isinstance(source, yaml.MappingNode):
            raise YamlMistake("'<<' merges mappings only", source.start_mark)
        for key, value in _mapping(source).items():
            merged.setdefault(key, value)


def _refuse_tag(node: yaml.Node, expected: str) -> None:
    if node.tag != _TAG + expected:
        _refuse(node)


def _refuse(node: yaml.Node) -> NoReturn:
    raise YamlMistake(f"the tag {node.tag.replace(_TAG, '!!')!r} is not allowed here", node.start_mark)


_HINTS = {
    "mapping values are not allowed": "quote text that contains ': ', and check the indentation",
    "undefined alias": "quote text that begins with '*'",
    "cannot start any token": "indent with spaces, not tabs, and quote text that begins with a special character",
    "did not find expected key": "check the indentation, and quote text that begins with '{', '[', '*' or '&'",
    "did not find expected ',' or": "quote text with '{', '[' or ',' in it",
    "could not find expected ':'": "every key wants a ':' and a space",
    "unexpected end of stream": "a quote or bracket is never closed",
}


def _hint(text: str, error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    return next((f" ({hint})" for sign, hint in _HINTS.items() if sign in problem), "")


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
