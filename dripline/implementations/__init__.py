"""Ready-made endpoints and services, each imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {"KeyValueStore": "key_value_store"}

__all__ = ["KeyValueStore"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
