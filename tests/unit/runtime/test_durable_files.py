"""Files of lines are kept whole and within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.disk import before

from dripline.runtime.durable_files import LineFile


def test_a_line_that_was_torn_by_a_crash_damages_no_other(tmp_path):
    """The next one begins a new line; the folder is made again if somebody deleted it."""
    path = tmp_path / "state" / "lines"
    LineFile(path, "relay").append(b"first\n")
    with path.open("ab") as file:
        file.write(b"to")
    LineFile(path, "relay").append(b"second\nthird\n")
    assert path.read_bytes() == b"first\nto\nsecond\nthird\n"


def test_a_file_that_is_full_becomes_the_one_before(tmp_path):
    """Of those before it one is kept."""
    file = LineFile(tmp_path / "lines", "relay", limit_bytes=10)
    for number in range(9):
        file.append(b"line %d\n" % number)
    assert (tmp_path / "lines").read_bytes() == b"line 8\n"
    assert (tmp_path / "lines.1").read_bytes() == b"line 6\nline 7\n"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("moment", ["open", "write", "fsync"])
def test_a_file_that_is_moved_while_a_line_is_written(tmp_path: Path, monkeypatch, moment):
    """As `logrotate` does: what was there stays whole, and the line is in the new file, with nothing before it."""
    path, moved = tmp_path / "lines", tmp_path / "lines.old"
    file = LineFile(path, "relay")
    file.append(b"first\n")
    with before(moment, lambda: path.rename(moved), monkeypatch):
        file.append(b"second\n")
    file.append(b"third\n")
    assert moved.read_bytes().startswith(b"first\n")
    assert path.read_bytes() == b"second\nthird\n"


def test_a_file_that_is_deleted_whenever_it_is_written_to_is_an_error(tmp_path: Path, monkeypatch):
    """The caller of append gets an error, and keeps the line."""
    path = tmp_path / "lines"
    with before("fsync", lambda: path.unlink(), monkeypatch, times=100), pytest.raises(OSError, match="deleted"):
        LineFile(path, "relay").append(b"first\n")
    assert not os.listdir(tmp_path)
