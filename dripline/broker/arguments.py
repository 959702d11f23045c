"""Arguments of methods: as pika's decoder leaves them, compared, and told about in replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dripline.broker.errors import ConnectionFault

# Those RabbitMQ compares when a queue is declared again; it ignores all others.
_QUEUE_ARGUMENTS: Final = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-delivery-limit",
    "x-queue-mode",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
    "x-queue-leader-locator",
)


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


def canonical(arguments: Mapping[str, Any] | None) -> str:
    """Text that is equal for equal tables, "" for an empty one."""
    return repr(sorted(arguments.items())) if arguments else ""


def first_difference(received: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Name of the first queue argument that differs, and both values as RabbitMQ words them."""
    for name in _QUEUE_ARGUMENTS:
        new, old = (_given(table, name) for table in (received, current))
        if new != old:
            if type(new) is type(old):
                return name, f"'{new}'", f"'{old}'"
            return name, _describe(new), _describe(old)
    return None


def _given(arguments: Mapping[str, Any], name: str) -> Any:
    value = arguments.get(name)
    return None if name == "x-queue-type" and value == "classic" else value  # which is what there is without


def _describe(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"the value '{str(value).lower()}' of type 'bool'"
    kind = "longstr" if isinstance(value, str) else "signedint" if isinstance(value, int) else "table"
    return f"the value '{value}' of type '{kind}'"
