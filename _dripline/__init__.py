"""The module name of the reference's compiled bindings; forwards to `dripline.core`.

PYTEST_DONT_REWRITE: it is imported before pytest starts, of which pytest would warn.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would slow down every Python process: see import_guard
if TYPE_CHECKING:
    from typing import Any

__all__ = ["core"]


def __getattr__(name: str) -> Any:
    if name == "core":
        from importlib import import_module

        return import_module("_dripline.core")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
