"""`HTTPServer` under the module name of the reference."""

from __future__ import annotations

import importlib
from typing import Any

from dripline.core.interface import Interface
from dripline.wire.message import Message

__all__ = ["HTTPServer", "Interface", "Message"]  # noqa: F822 - see below


def __getattr__(name: str) -> Any:
    if name == "HTTPServer":  # it is in a higher layer
        return importlib.import_module("dripline.web.http_server").HTTPServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
