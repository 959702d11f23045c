"""Makes `import pkg_resources` work where setuptools no longer brings one, for the sake of extensions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

_NAME = "pkg_resources"
_FILE = Path(__file__).with_name("pkg_resources_fallback.py")


class _Finder:
    """Serves our small `pkg_resources`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Answer for `pkg_resources` only."""
        return spec_from_file_location(_NAME, _FILE) if name == _NAME else None


def install() -> None:
    """Make `import pkg_resources` work in this process; a real one, found by the finders before ours, wins."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
