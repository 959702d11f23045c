"""docs/architecture.md describes the files that exist."""

from __future__ import annotations

from file_map import file_map, written_map


def test_the_map_names_and_describes_every_file() -> None:
    """``python tests/docs/file_map.py`` renews it."""
    assert written_map() == file_map()
