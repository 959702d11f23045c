"""Extension packages made for a test, on an import path of its own."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dripline
from dripline.discovery import distributions as extension_source
from dripline.discovery.class_finder import ClassFinder, class_finder
from dripline.wire import sender


@pytest.fixture
def extensions(tmp_path, monkeypatch) -> Iterator[Callable[..., Path]]:
    """Writes files below a folder that is put on the import path, as `pip install` would."""
    _forget_extensions()
    monkeypatch.setattr(dripline, "__path__", list(dripline.__path__))
    monkeypatch.setattr(sender, "_versions", dict(sender._versions))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def write(files: dict[str, str], root: str = "site") -> Path:
        for name, text in files.items():
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return tmp_path / root

    yield write
    _forget_extensions()


@pytest.fixture
def finder(extensions) -> ClassFinder:
    """A finder that has not looked at anything yet."""
    return class_finder()


def _forget_extensions() -> None:
    for name in [name for name in sys.modules if name.startswith(("dripline.extensions", "lab_"))]:
        del sys.modules[name]
    vars(dripline).pop("extensions", None)
    class_finder.cache_clear()
    extension_source.forget()
