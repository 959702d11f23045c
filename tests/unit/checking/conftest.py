"""Extension packages made for a test, and a home without settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from discovery.conftest import extensions, finder  # noqa: F401  # fixtures

from dripline.checking import check_files
from dripline.config.diagnostics import Diagnostics


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch) -> Path:
    """An empty home; nothing of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def write(tmp_path, monkeypatch) -> Callable[..., str]:
    """Writes a file into the working folder and gives its name, as a user would type it."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "service.yaml") -> str:
        (tmp_path / name).write_text(text)
        return name

    return write_file


@pytest.fixture
def check_text(write) -> Callable[[str], Diagnostics]:
    """Checks the text of a configuration file."""
    return lambda text: check_files([write(text)])
