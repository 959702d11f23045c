"""The reader of documents notices when a document is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def document(tmp_path: Path):
    """Writes a document with one session in it."""

    def write(session: str, comment: str = "") -> Path:
        path = tmp_path / "document.md"
        path.write_text(f"Text.\n\n{comment}\n```console\n{session}```\n\nMore text.\n")
        return path

    return write


def test_what_is_promised_appears(reader, document) -> None:
    """A true document passes, and its commands are counted."""
    assert reader.follow(document("$ echo one\none\n$ echo two three\ntwo …\n$ true\n")) == 3


@pytest.mark.parametrize("promise", ["two", "o", "one\n…\ntwo"])
def test_other_output_than_promised_is_noticed(reader, document, promise: str) -> None:
    """The promise has to match all of the output."""
    with pytest.raises(AssertionError, match="printed"):
        reader.follow(document(f"$ echo one\n{promise}\n"))


def test_a_command_that_fails_is_noticed(reader, document) -> None:
    """Without a word about it, an exit code other than 0 is wrong."""
    with pytest.raises(AssertionError, match="ended with 3"):
        reader.follow(document("$ exit 3\n"))


def test_an_expected_exit_code_is_checked(reader, document) -> None:
    """A document may show an error."""
    assert reader.follow(document("$ echo ready\nready\n$ exit 3\n", "<!-- exit code: 3 -->")) == 2


def test_a_long_command_may_be_broken(reader, document) -> None:
    """A backslash at the end of a line goes on in the next one."""
    assert reader.follow(document("$ echo one \\\n    two\none two\n")) == 1


def test_another_terminal_stays_open(reader, document) -> None:
    """What stands before a … is awaited at once, the rest before the document ends."""
    session = "$ sh -c 'echo ready; sleep 0.2; echo done; exec sleep 60'\nready\n…\ndone\n"
    assert reader.follow(document(session, "<!-- another terminal -->")) == 1


def test_a_terminal_that_closes_early_is_noticed(reader, document) -> None:
    """A service that ends instead of serving is wrong."""
    with pytest.raises(AssertionError, match="ended"):
        reader.follow(document("$ echo sorry\nready\n", "<!-- another terminal -->"))


def test_a_file_is_written(reader, tmp_path: Path) -> None:
    """A block with a name becomes that file, for the sessions after it."""
    path = tmp_path / "document.md"
    path.write_text("<!-- file: a.yaml -->\n```yaml\nname: x\n```\n\n```console\n$ cat a.yaml\nname: x\n```\n")
    assert reader.follow(path) == 1


def test_what_differs_each_time_need_not_match(reader, document) -> None:
    """A document may show a time, a key and the usual port."""
    promise = "12:00:00 e3b0c442-98fc-41c1-9fb9-2427ae41e464 localhost:5672"
    printed = "07:31:59 0f8fad5b-d9cb-469f-a165-70867728950e localhost:41234"
    assert reader.follow(document(f"$ echo {printed}\n{promise}\n")) == 1
