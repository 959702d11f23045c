"""The names of `dripline.core`, importable from `_dripline.core`."""

from __future__ import annotations

from typing import Any

import dripline.core as _core


def __getattr__(name: str) -> Any:
    return getattr(_core, name)


def __dir__() -> list[str]:
    return dir(_core)
