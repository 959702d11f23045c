"""Behavior that differs between RabbitMQ versions: delivery limits, timeouts, refusals, frame sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

FRAME_MAX: Final = 131072


@dataclass(frozen=True)
class Compatibility:
    """The rules of a broker. Those of the defaults are the embedded broker's own, which are RabbitMQ 3.10's.

    Attributes:
        product: Name announced in the server properties; "" announces the embedded broker.
        version: Version announced; "" announces none.
        delivery_limit: How often a message of a quorum queue may come back before it is dropped, for queues
            declared without ``x-delivery-limit``; None for any number of times.
        counting: What counts towards the limit: ``redeliveries`` is each return, whatever the reason (RabbitMQ up
            to 4.2); ``failures`` is basic.reject and the end of the channel or connection, but neither basic.nack
            nor a consumer timeout (RabbitMQ 4.3).
        negative_limit_drops: A negative ``x-delivery-limit`` drops a message when it first comes back, as in
            RabbitMQ 3.x, instead of meaning that there is no limit.
        refuses_transient_queues: Declaring a queue that is neither durable nor exclusive ends the connection.
        global_qos: What basic.qos with ``global`` does: ``applied``, answered and ``ignored``, or ``refused``.
        consumer_timeout_s: How long a delivery may stay unacknowledged, in seconds; 0 for any time.
        consumer_timeout_response: What happens then. ``close channel`` closes the channel with 406, for queues of
            all types (RabbitMQ up to 4.2). ``cancel consumer`` sends basic.cancel and returns what the consumer
            holds, for quorum queues only (RabbitMQ 4.3); clients without the capability
            ``consumer_cancel_notify`` lose their channel.
        frame_max: Longest frame proposed to clients, in bytes.
        frame_min: The least that a client may reply with.
    """

    product: str = ""
    version: str = ""
    delivery_limit: int | None = None
    counting: Literal["redeliveries", "failures"] = "redeliveries"
    negative_limit_drops: bool = False
    refuses_transient_queues: bool = False
    global_qos: Literal["applied", "ignored", "refused"] = "applied"
    consumer_timeout_s: float = 0
    consumer_timeout_response: Literal["close channel", "cancel consumer"] = "close channel"
    frame_max: int = FRAME_MAX
    frame_min: int = 4096  # of the specification


OWN_RULES: Final = Compatibility()
_RABBITMQ: Final = {
    "3.10": Compatibility(product="RabbitMQ", version="3.10.8", negative_limit_drops=True, consumer_timeout_s=1800)
}
_RABBITMQ["4.0"] = replace(_RABBITMQ["3.10"], version="4.0.9", delivery_limit=20, negative_limit_drops=False)
_RABBITMQ["4.1"] = replace(_RABBITMQ["4.0"], version="4.1.8", frame_min=8192)
_RABBITMQ["4.2"] = replace(_RABBITMQ["4.1"], version="4.2.5")
_RABBITMQ["4.3"] = replace(
    _RABBITMQ["4.2"],
    version="4.3.0",
    counting="failures",
    refuses_transient_queues=True,
    global_qos="ignored",
    consumer_timeout_response="cancel consumer",
)


def rabbitmq(version: str, **changes: Any) -> Compatibility:
    """The rules of a version of RabbitMQ, as its documentation describes them.

        EmbeddedBroker(port=0, compatibility=rabbitmq("4.3", consumer_timeout_s=1))

    Args:
        version: "3.10", "4.0", "4.1", "4.2" or "4.3".
        changes: Attributes of `Compatibility` that are to differ.

    Raises:
        ValueError: For another version.
    """
    if version not in _RABBITMQ:
        raise ValueError(f"no rules for RabbitMQ {version!r}; there are rules for {', '.join(_RABBITMQ)}")
    return replace(_RABBITMQ[version], **changes)
