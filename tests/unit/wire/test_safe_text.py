"""Text from elsewhere, as it is logged and shown on a terminal."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.outrages import Unprintable

from dripline.wire.message import MsgAlert, MsgReply, MsgRequest
from dripline.wire.printing import to_json, to_text
from dripline.wire.safe_text import indented, safe_json, safe_lines, safe_text, safe_traceback

#: Any text, lone surrogates included, with much of what steers a terminal.
TEXT = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), st.sampled_from("ab\\1"))
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("\x9b2J\x85\x7f", r"\x9b2J\x85\x7f"),
        ("one\r\ntwo\tthree\0", r"one\r\ntwo\tthree\x00"),
        ("\u202egnp.exe\u2066\u2069\u200e\u200f\u061c", r"\u202egnp.exe\u2066\u2069\u200e\u200f\u061c"),
        ("a\u2028b\u2029c\u200b\ufeff", r"a\u2028b\u2029c\u200b\ufeff"),
        ("\ud800 \U000e0041", r"\ud800 \U000e0041"),
        ("20 °C, 5 µm, 温度 é e\u0301 😀 C:\\new", "20 °C, 5 µm, 温度 é e\u0301 😀 C:\\new"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text, shown):
    """Controls, separators, bidirectional marks, surrogates; what can be printed stays, backslashes included."""
    assert safe_text(text) == shown


@given(TEXT)
def test_nothing_unprintable_is_left(text):
    """Of any text, and the result can be encoded; doing it twice changes nothing."""
    shown = safe_text(text)
    assert shown.isprintable()
    shown.encode()
    assert safe_text(shown) == shown
    for line in safe_lines(text).split("\n"):
        assert line.isprintable()
    assert safe_lines(text).count("\n") == text.count("\n")


@given(TEXT)
def test_the_escapes_can_be_read(text):
    """They are Python's: without backslashes in the text, all of it can be had back."""
    text = text.replace("\\", "")
    escapes = r"\\U[0-9a-f]{8}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[nrt]"
    restored = re.sub(escapes, lambda match: eval(f"'{match[0]}'"), safe_text(text))
    assert restored == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    )
)
def test_json_stays_the_same_document(value):
    """Its escapes are JSON's, in pairs where they must be; indented documents keep their lines."""
    for indent in (None, 2):
        document = json.dumps(value, ensure_ascii=False, indent=indent)
        shown = safe_json(document)
        assert json.loads(shown) == json.loads(json.dumps(value))  # two halves of a character become the whole
        assert all(line.isprintable() for line in shown.split("\n"))
        assert shown.count("\n") == document.count("\n")


@given(TEXT, TEXT)
def test_a_traceback_has_no_line_that_somebody_else_wrote(text, cause):
    """Its lines are indented, and what exceptions say is one line each, that of the cause included."""
    try:
        try:
            raise KeyError(cause)
        except KeyError as error:
            raise ValueError(f"bad {text}") from error
    except ValueError as error:
        shown = indented(safe_traceback(error))
    lines = shown.split("\n")
    assert all(line.isprintable() and line.startswith("    ") for line in lines)
    assert lines[0] == "    Traceback (most recent call last):"
    assert lines[-1] == f"    ValueError: bad {safe_text(text)}"


def test_a_long_text_does_not_fill_a_disk():
    """A line of a traceback is cut, whatever a peer had an exception say."""
    shown = safe_traceback(ValueError("x\n" * 10**6))
    assert len(shown) < 5000
    assert "\n" not in shown


class Unsayable(Exception):
    """Its text raises."""

    def __str__(self):
        raise RuntimeError


def test_an_exception_without_a_text_is_shown_all_the_same():
    """A laboratory's may raise when it is printed."""
    assert safe_text(Unsayable()) == "<Unsayable without a text>"
    assert "Unsayable" in safe_traceback(Unsayable())


class WithoutNotes(Exception):
    """Its notes cannot be had."""

    @property
    def __notes__(self):
        """Raise what no `except Exception` catches."""
        raise GeneratorExit


class WithoutMembers(Exception):
    """It looks like a group, whose members cannot be had."""

    @property
    def exceptions(self):
        """Raise."""
        raise SystemExit


@pytest.mark.parametrize("kind", [Unprintable, WithoutNotes, WithoutMembers])
def test_an_exception_that_cannot_be_shown_is_named(kind):
    """Whatever its parts raise, a `BaseException` included, it raises nothing where it is logged."""
    with pytest.raises(ValueError, match="because of another") as caught:
        raise ValueError("because of another") from kind("x")
    assert "ValueError: because of another" in safe_traceback(caught.value)
    assert f"{kind.__name__}: " in safe_traceback(caught.value.__cause__)
    assert safe_text(Unprintable()) == "<Unprintable without a text>"


def make(kind, text):
    """A message of which every part is what a peer chose."""
    payload = {text: [text, {"value_raw": text}]}
    if kind is MsgRequest:
        message = MsgRequest.create(payload, 1, "key", text[:5], text)
    elif kind is MsgReply:
        message = MsgReply.create(5, text, payload, "key", text)
    else:
        message = MsgAlert.create(payload, "key", text)
    message.sender_info = {
        **dict.fromkeys(("exe", "hostname", "username", "service_name"), text),
        "versions": {text: {"version": text, "commit": text, "package": text}},
    }
    return message


@pytest.mark.parametrize("kind", [MsgRequest, MsgReply, MsgAlert])
@given(text=TEXT)
def test_a_message_as_a_block_has_our_lines_only(kind, text):
    """As many lines, whatever its parts say; raw it is as before."""
    message, plain = make(kind, text), make(kind, "x")
    shown = to_text(message, safe_text)
    assert all(line.lstrip("\t").isprintable() for line in shown.split("\n"))
    assert shown.count("\n") == to_text(plain, safe_text).count("\n")
    assert to_text(plain, safe_text) == to_text(plain)
    assert all(line.isprintable() for line in safe_json(to_json(message, indent=4)).split("\n"))
