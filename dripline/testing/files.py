"""The files that tests name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError


def found(path: Path, folders: Sequence[Path]) -> Path:
    """Find a file in the first of some folders that has it.

    Raises:
        ConfigurationError: None of them has; the text names the folders, and a file of a similar name.
    """
    for folder in folders:
        if (folder / path).is_file():
            return _short(folder / path)
    looked_in = list(dict.fromkeys((folder / path).parent for folder in folders))
    neighbours = [file.name for folder in looked_in for file in folder.glob("*.y*ml")]
    places = ", ".join(map(str, looked_in))
    raise ConfigurationError(f"{path}: there is no such file in {places}{did_you_mean(path.name, neighbours)}")


def _short(path: Path) -> Path:
    """The path as messages tell it: from the working folder on, if it is in there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
