"""The file that `module_path` names."""

from __future__ import annotations

import pytest

from dripline.discovery.class_finder import load_file
from dripline.errors import ConfigurationError


def test_a_file_runs_once_and_can_hold_dataclasses(tmp_path):
    """These look for the module of their class."""
    file = tmp_path / "once.py"
    file.write_text("from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: 'int' = 0\n")
    module = load_file(str(file))
    assert module.Point().x == 0
    assert load_file(str(file)) is module


def test_a_file_in_the_home_folder_may_be_named(tmp_path, monkeypatch):
    """With `~`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text("ANSWER = 42\n")
    assert load_file("~/mine.py").ANSWER == 42


def test_what_is_no_python_file_is_told(tmp_path):
    """By its ending."""
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigurationError, match="is no Python file"):
        load_file(str(tmp_path / "notes.txt"))
