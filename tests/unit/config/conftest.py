"""A place of their own for configuration files, and no settings of the person who runs the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch) -> Path:
    """An empty home; no login in the environment."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("DRIPLINE_USER", "DRIPLINE_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
def write(tmp_path, monkeypatch) -> Callable[..., str]:
    """Writes a file into the working folder and gives its name, as a user would type it."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "service.yaml") -> str:
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(data)
        return name

    return write_file
