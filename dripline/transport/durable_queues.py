"""Quorum queues on brokers that drop what is delivered too often."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from shlex import quote
from typing import Any, Final

from pika.exceptions import ChannelClosedByBroker

logger = logging.getLogger("dripline.connection")

#: Arguments of a quorum queue whose messages may be delivered any number of times. Not before RabbitMQ 4: 3.x
#: takes -1 for a limit, and drops a message when it comes back for the first time.
UNLIMITED: Final[dict[str, Any]] = {"x-queue-type": "quorum", "x-delivery-limit": -1}

_FIRST_WITH_LIMIT: Final = 4


def has_delivery_limit(server: Mapping[str, Any] | None) -> bool:
    """Whether a broker drops messages of quorum queues after 20 deliveries, unless the queue says otherwise.

    Args:
        server: The properties that the broker has sent of itself.
    """
    return is_limiting(*product_and_version(server))


def product_and_version(server: Mapping[str, Any] | None) -> tuple[str, str]:
    """Read from the properties of a broker what it is; empty texts where they do not say it."""
    found = ((server or {}).get(key) for key in ("product", "version"))
    product, version = (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "") for value in found
    )
    return product, version


def is_limiting(product: str, version: str) -> bool:
    """Whether a broker of this product and version drops messages after 20 deliveries by default."""
    major = re.match(r"\d+", version)
    return product == "RabbitMQ" and major is not None and int(major[0]) >= _FIRST_WITH_LIMIT


def differs_in_limit(refusal: ChannelClosedByBroker) -> bool:
    """Whether a declaration was refused because an existing queue has another delivery limit."""
    return refusal.reply_code == 406 and "x-delivery-limit" in refusal.reply_text


def policy_command(queue: str, virtual_host: str) -> str:
    """Give the command that lifts the limit of an existing queue. A queue follows a single policy."""
    pattern = f"^{re.escape(queue)}$"
    return (
        f"rabbitmqctl set_policy -p {quote(virtual_host)} --priority 100 --apply-to quorum_queues "
        f"""{quote(f"dripline {queue}")} {quote(pattern)} '{{"delivery-limit": -1}}'"""
    )


def warn_of_limit(queue: str, virtual_host: str) -> None:
    """Log that an existing queue has a delivery limit, unless a policy lifts it, and how to do so."""
    logger.warning(
        "queue %r was declared without 'x-delivery-limit': -1; unless a policy lifts the limit, this broker drops "
        "alerts that were delivered 20 times: %s",
        queue,
        policy_command(queue, virtual_host),
    )
