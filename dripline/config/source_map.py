"""File and line of each key, used only for messages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from dripline.config.diagnostics import Path, Place
from dripline.config.file import FilePath, read_text
from dripline.config.overrides import split_word
from dripline.errors import ConfigurationError
from dripline.wire.safe_text import hide_word

# Version 4 wrote the service below this key.
OLD_BLOCK = "runtime-config"


class SourceMap:
    """The sources of one configuration, asked for the place of a path in it.

    Args:
        file: the configuration file, if there is one.
        words: `key=value` words of the command line.
        mesh_file: the file with the user's `dripline_mesh` settings, if it was read.

    Attributes:
        moved: where settings of older versions stand in the file, by the path that they have now.
    """

    def __init__(
        self, file: FilePath | None = None, words: Sequence[str] = (), mesh_file: FilePath | None = None
    ) -> None:
        self._file = file
        self._mesh_file = mesh_file
        self.moved: dict[tuple[str | int, ...], tuple[str | int, ...]] = {}
        self._words = {parts[0]: word for word in words if (parts := split_word(word))}
        self._trees: dict[FilePath, Any] = {}

    def where(self, key_path: Path) -> str:
        """The place of a setting.

        Returns:
            `service.yaml:12:5` for a setting of a file (or of the nearest thing around it that is in the file),
            the argument for a setting of the command line, else where the configuration comes from.
        """
        return str(self.place(key_path))

    def place(self, key_path: Path) -> Place:
        """The same as `where`, in its parts."""
        path = tuple(key_path)
        for length in range(len(path), 0, -1):
            if path[:length] in self._words:
                return Place(f"command line, {hide_word(self._words[path[:length]])!r}")
        path = self.moved.get(path, path)
        in_file = self._find(self._file, path)
        if in_file and in_file[0] == len(path):
            return in_file[1]
        if path[:1] == ("dripline_mesh",):
            in_mesh = self._find(self._mesh_file, path) or self._find(self._mesh_file, path[1:])
            if in_mesh and (in_file is None or in_mesh[0] >= in_file[0]):
                return in_mesh[1]
        return in_file[1] if in_file else self._beginning()

    def word(self, key_path: Path) -> str:
        """Return the text of a setting as written in the file, such as ``on``; empty if it is from elsewhere."""
        path = tuple(key_path)
        if self._file is None or any(path[:length] in self._words for length in range(1, len(path) + 1)):
            return ""
        path = self.moved.get(path, path)
        depth, _, node = _walk(self._tree(self._file), path)
        word = getattr(node, "value", "") if depth == len(path) else ""
        return word if isinstance(word, str) else ""

    def _beginning(self) -> Place:
        """Where the outermost mapping begins: what lacks a setting of its own is told there."""
        if self._file is None:
            return Place("command line")
        return Place.at(os.fspath(self._file), getattr(self._tree(self._file), "start_mark", None))

    def _tree(self, file: FilePath) -> Any:
        if file not in self._trees:
            self._trees[file] = _compose(file)
        return self._trees[file]

    def _find(self, file: FilePath | None, path: Path) -> tuple[int, Place] | None:
        if file is None:
            return None
        depth, mark, _ = _walk(self._tree(file), path)
        if mark is None:
            return None
        return depth, Place.at(os.fspath(file), mark)


def _compose(file: FilePath) -> Any:
    from dripline.config import yaml_nodes  # see file.py

    try:
        # JSON is YAML but for tabs between its words.
        return yaml_nodes.compose(read_text(file).replace("\t", " "))
    except (ConfigurationError, RecursionError):
        return None  # it was readable a moment ago; the message can do without a line


def _walk(root: Any, path: Path) -> tuple[int, Any, Any]:
    """How far a path leads into a node tree, the mark of the last key or item reached, and the node there."""
    depth, mark, node = 0, None, root
    for part in path:
        found = _child(node, part)
        if found is None and depth == 0 and (block := _child(node, OLD_BLOCK)):
            found = _child(block[1], part)
        if found is None:
            break
        mark, node = found
        depth += 1
    return depth, mark, node


def _child(node: Any, part: str | int) -> tuple[Any, Any] | None:
    value = getattr(node, "value", None)
    if not isinstance(value, list):
        return None
    if value and isinstance(value[0], tuple):
        return next(((key.start_mark, item) for key, item in value if key.value == str(part)), None)
    if isinstance(part, int) and 0 <= part < len(value):
        return value[part].start_mark, value[part]
    return None
