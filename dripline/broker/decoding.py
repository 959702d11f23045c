"""Arguments of methods, as pika's decoder leaves them, made into what the broker works with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dripline.broker.errors import ConnectionFault


def name_text(value: str | bytes | None) -> str:
    """A name of an exchange, a queue or a consumer.

    Raises:
        ConnectionFault: 502 when it is not UTF-8 (pika hands such strings on as bytes).
    """
    if isinstance(value, bytes):
        raise ConnectionFault(502, "name is not UTF-8")
    return value or ""


def key_bytes(value: str | bytes | None) -> bytes:
    """A binding key; any bytes will do."""
    return value.encode() if isinstance(value, str) else value or b""


def table(value: Mapping[Any, Any] | None) -> Mapping[Any, Any]:
    """A field table, empty when absent."""
    return value or {}
