"""Creates an extension package from templates."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from dripline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What becomes of each template in the new folder.
TEMPLATES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "Dockerfile": "Dockerfile",
    "service.yaml": "$name.yaml",
    "instrument.yaml": "simulated_supply.yaml",
    "init.py": "dripline/extensions/$name/__init__.py",
    "output.py": "dripline/extensions/$name/output.py",
    "supply.py": "dripline/extensions/$name/supply.py",
    "test_output.py": "tests/test_${name}_output.py",
    "test_service.py": "tests/test_${name}_service.py",
}
# Names that mean something already: `dl-serve` asks the first one which secrets there are.
_RESERVED = {"add_auth_spec", "dripline", "extensions"}
_LONGEST = 30
_USABLE = re.compile(rf"[a-z][a-z0-9_]{{0,{_LONGEST - 1}}}")


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a package, or is taken.

    Args:
        name: the name of an extension to be.

    Raises:
        ConfigurationError: it cannot; the text says why.
    """
    if not _USABLE.fullmatch(name):
        better = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        hint = f"; try {better!r}" if _USABLE.fullmatch(better) else ""
        raise ConfigurationError(
            f"{name!r} cannot be the name of a Python package: small letters, digits and _, a letter first, "
            f"{_LONGEST} at most{hint}"
        )
    if keyword.iskeyword(name) or name in _RESERVED:
        raise ConfigurationError(f"{name!r} means something else already; choose another name")
    from dripline.discovery.class_finder import class_finder  # looks through what is installed

    for taken in class_finder().index.named(name):
        raise ConfigurationError(f"an extension {taken} is installed already; choose another name")


def write_extension(name: str, folder: Path) -> list[Path]:
    """Write the package.

    Args:
        name: its name, which was checked.
        folder: the folder to make.

    Returns:
        The files, in the order in which they were written.

    Raises:
        ConfigurationError: the folder is there already, or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigurationError(f"{folder} is there already; name another folder with --directory")
    words = {
        "name": name,
        "distribution": f"dripline-{name.strip('_').replace('_', '-')}",
        "prefix": "".join(word.capitalize() for word in name.split("_")),
    }
    try:
        return [_write(template, folder / filled(target, words), words) for template, target in TEMPLATES.items()]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {reason}; name another folder with --directory"
        ) from error


def _write(template: str, path: Path, words: Mapping[str, str]) -> Path:
    text = files("dripline.programs").joinpath("scaffold").joinpath(f"{template}.tmpl").read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(filled(text, words), encoding="utf-8")
    return path


def filled(text: str, words: Mapping[str, str]) -> str:
    """A template with its names filled in."""
    return Template(text).substitute(words)
