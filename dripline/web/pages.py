"""Which files of `web_root` are served."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def page(root: Path, path: str) -> Path | None:
    """Find a file that may be served.

    Not served are files whose name, or the name of a folder above them, starts with a dot or ends with ``~``,
    files outside the folder that a symbolic link leads to, and folders.

    Args:
        root: the folder.
        path: what was asked for, decoded once, without the first slash.

    Returns:
        The file; None if there is none that may be served.
    """
    parts = path.split("/")
    if _is_hidden(parts) or any(letter in path for letter in "\\\0"):
        return None
    try:
        root = root.resolve(strict=True)
        found = root.joinpath(*parts).resolve(strict=True)
        if not found.is_relative_to(root) or _is_hidden(found.relative_to(root).parts) or not found.is_file():
            return None
    except (OSError, ValueError, RuntimeError):  # too long, not a file name, a loop of links
        return None
    return found


def _is_hidden(parts: Iterable[str]) -> bool:
    """Whether a part is empty, leads upwards, or is the name of a hidden file or a backup."""
    return any(not part or part.startswith(".") or part.endswith("~") for part in parts)
