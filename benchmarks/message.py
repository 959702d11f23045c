"""The messages that bare pika moves: as many bytes, under the same headers, as dripline's own."""

from __future__ import annotations

import uuid
from typing import Any

import pika

TIMESTAMP = "2026-01-01T00:00:00.000000Z"
REQUEST_BODY = b"null"
REPLY_BODY = b'{"value_cal":1.5,"value_raw":0.75}'


def _sender_info(service_name: str) -> dict[str, Any]:
    from dripline.wire.sender import sender_info

    return sender_info(service_name)


def request_headers() -> dict[str, Any]:
    """Header table of a ``get``."""
    return {
        "lockout_key": "00000000-0000-0000-0000-000000000000",
        "message_operation": 1,
        "message_type": 3,
        "sender_info": _sender_info("unknown"),
        "specifier": "",
        "timestamp": TIMESTAMP,
    }


def reply_headers() -> dict[str, Any]:
    """Header table of the reply to it."""
    return {
        "message_type": 2,
        "return_code": 0,
        "return_message": "",
        "sender_info": _sender_info("benchmark_store"),
        "specifier": "",
        "timestamp": TIMESTAMP,
    }


def alert_headers() -> dict[str, Any]:
    """Header table of a logged value."""
    return {
        "message_type": 4,
        "sender_info": _sender_info("benchmark_store"),
        "specifier": "",
        "timestamp": TIMESTAMP,
    }


def properties(headers: dict[str, Any], correlation_id: str, reply_to: str = "") -> pika.BasicProperties:
    """The five properties every dripline message has, with a fresh message id."""
    return pika.BasicProperties(
        content_encoding="application/json",
        headers=headers,
        correlation_id=correlation_id,
        reply_to=reply_to,
        message_id=f"{uuid.uuid4()}/0/1",
    )
