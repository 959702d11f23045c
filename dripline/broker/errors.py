"""Client errors as exceptions with their AMQP reply codes.

```
Fault(Exception)
  ChannelFault      closes the channel it happened on
  ConnectionFault   closes the whole connection
```

Which one a mistake is, and the wording of its reply, follow RabbitMQ: clients match on both.
"""

from __future__ import annotations

from typing import Final

from dripline.wire.safe_text import safe_text

_NAMES: Final = {
    320: "CONNECTION_FORCED",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    506: "RESOURCE_ERROR",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
    541: "INTERNAL_ERROR",
}
_LONGEST_REPLY_TEXT: Final = 255  # bytes, a short string


class Fault(Exception):
    """A mistake that ends a channel or a connection.

    Attributes:
        code: AMQP reply code, for example 404.
        text: reply text as the client sees it, `NAME - explanation`, at most 255 bytes of UTF-8.
        method: index (class << 16 | method) of the method at fault, 0 when none was.
    """

    def __init__(self, code: int, explanation: str, method: int = 0) -> None:
        self.code = code
        self.text = _shortened(f"{_NAMES[code]} - {explanation}")
        self.method = method
        super().__init__(f"{code} {safe_text(self.text)}")  # for the log


class ChannelFault(Fault):
    """Ends one channel; the connection goes on."""


class ConnectionFault(Fault):
    """Ends the connection with everything on it."""


def no_queue(name: str, vhost: str) -> ChannelFault:
    """The queue asked for does not exist."""
    return ChannelFault(404, f"no queue '{name}' in vhost '{vhost}'")


def no_exchange(name: str, vhost: str) -> ChannelFault:
    """The exchange asked for does not exist."""
    return ChannelFault(404, f"no exchange '{name}' in vhost '{vhost}'")


def reserved_name(kind: str, name: str) -> ChannelFault:
    """Names that begin with `amq.` belong to the broker; `kind` is "queue" or "exchange"."""
    return ChannelFault(403, f"{kind} name '{name}' contains reserved prefix 'amq.*'")


def default_exchange_refused() -> ChannelFault:
    """The default exchange can be neither declared, bound nor deleted."""
    return ChannelFault(403, "operation not permitted on the default exchange")


def queue_locked(name: str, vhost: str) -> ChannelFault:
    """The queue is exclusive to another connection."""
    return ChannelFault(
        405,
        f"cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could be originally "
        "declared on another connection or the exclusive property value does not match that of the original "
        "declaration.",
    )


def inequivalent(what: str, owner: str, received: str, current: str) -> ChannelFault:
    """A declaration repeats a name with another property; `owner` reads "queue 'q' in vhost '/'"."""
    return ChannelFault(
        406, f"inequivalent arg '{what}' for {owner}: received {received} but current is {current}"
    )


def deprecated_feature(name: str) -> ConnectionFault:
    """Something that later versions of RabbitMQ refuse unless they are configured to permit it."""
    return ConnectionFault(
        541,
        f"Feature `{name}` is deprecated.\nBy default, this feature is not permitted anymore.\n"
        "The feature will be removed from a future major RabbitMQ version, regardless of the configuration; "
        "actual version to be determined.\nTo continue using this feature when it is not permitted by default, "
        f'set the following parameter in your configuration:\n    "deprecated_features.permit.{name} = true"',
    )


def unknown_tag(tag: int) -> ChannelFault:
    """An acknowledgement for a delivery the channel does not wait for."""
    return ChannelFault(406, f"unknown delivery tag {tag}")


def _shortened(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _LONGEST_REPLY_TEXT:
        return text
    return encoded[: _LONGEST_REPLY_TEXT - 3].decode(errors="ignore") + "..."
