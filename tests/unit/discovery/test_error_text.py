"""An exception in one line."""

from __future__ import annotations

import json

from dripline.discovery.error_text import describe_failure


def _caught(action) -> Exception:
    try:
        action()
    except Exception as error:  # noqa: BLE001  # any failure is what the test wants
        return error
    raise AssertionError("it did not fail")


def test_kind_text_and_place_are_told():
    """The place is the last one in the author's folder, not deep in a library."""
    error = _caught(lambda: json.loads("{"))
    text = describe_failure(error, beside=__file__)
    assert text.startswith("JSONDecodeError: Expecting property name enclosed in double quotes: line 1")
    assert "(discovery/test_error_text.py:" in text


def test_without_a_folder_no_place_is_told():
    """And without a text only the kind."""
    assert describe_failure(_caught(lambda: {}["port"])) == "KeyError: 'port'"
    assert describe_failure(ValueError()) == "ValueError"


def test_line_breaks_do_not_survive():
    """A message is one line."""
    assert describe_failure(ValueError("a\n  b")) == "ValueError: a b"


def test_a_syntax_error_tells_the_place_in_the_text():
    """Nothing of it ran, so there is no trace of calls."""
    error = _caught(lambda: compile("class A(: pass", "/lab/pumps/turbo.py", "exec"))
    assert describe_failure(error) == "SyntaxError: invalid syntax (pumps/turbo.py:1)"
