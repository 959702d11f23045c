"""From what pika and sockets raise to the errors of this package, in words for a person."""

from __future__ import annotations

import copy

from pika import exceptions

from dripline.errors import (
    BrokerError,
    BrokerUnreachable,
    ClosedByBroker,
    ConnectionLost,
    LoginRefused,
    NameTaken,
)
from dripline.transport import other_peer
from dripline.transport import tls_error_messages as tls_failures
from dripline.transport.address import BrokerAddress
from dripline.wire.safe_text import duration, safe_text

_SHUTDOWN = (200, 320)  # an operator closes the connection, or stops the broker


def unreachable(address: BrokerAddress, error: Exception) -> BrokerUnreachable:
    """Describe a socket that could not be opened."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    other = address.advice(
        "name another one with -b and -p",
        "name another one: dripline_mesh={'broker': …, 'broker_port': …}, or ~/.dripline_mesh.yaml",
    )
    return BrokerUnreachable(
        f"no broker answers at {address} ({reason}); start RabbitMQ, or 'dl broker', or {other}"
    )


def silent(address: BrokerAddress) -> BrokerUnreachable:
    """Describe a peer that accepts connections and then says nothing."""
    return BrokerUnreachable(
        f"{address} accepts connections but does not answer as an AMQP broker within "
        f"{duration(address.connect_timeout_s)}; is it the right port?"
    )


def not_opened(address: BrokerAddress, error: Exception, *, has_spoken: bool = True) -> BrokerError:
    """Describe the end of a connection before its login was through.

    Args:
        address: Where the connection led.
        error: What pika or the socket said.
        has_spoken: Whether the broker had said anything in AMQP before.

    Returns:
        `LoginRefused` or `BrokerUnreachable`.
    """
    code = getattr(error, "reply_code", None)
    if code == 403 or isinstance(error, exceptions.AuthenticationError):
        return LoginRefused(f"the broker at {address} refused {address.user}: {_wrong_login(address)}")
    if code == 530:
        return LoginRefused(
            f"the broker at {address} refused virtual host {address.virtual_host!r} "
            f"to {address.user}: {describe(error)}; name another with virtual_host"
            f"{address.advice(' (-b amqp://HOST/NAME)', '')}, or let the user in there"
        )
    if tls_failures.is_refusal(error):
        return tls_failures.refused_certificate(address, error)
    if not has_spoken:
        return tls_failures.without_a_word(address)
    if isinstance(error, (exceptions.IncompatibleProtocolError, exceptions.ProtocolVersionMismatch)):
        return other_peer.final(f"{address} speaks AMQP of another version than 0-9-1; is it the right port?")
    if not isinstance(error, (OSError, exceptions.AMQPConnectionError)):  # what it says makes no sense to pika
        return BrokerUnreachable(f"{address} does not answer as an AMQP 0-9-1 broker; is it the right port?")
    return BrokerUnreachable(f"the broker at {address} hung up during the login: {describe(error)}")


def _wrong_login(address: BrokerAddress) -> str:
    if address.by_certificate:
        return (
            "it needs a user of the name in it, and has to take certificates for a login (RabbitMQ: plugin "
            "rabbitmq_auth_mechanism_ssl, auth_mechanisms.1 = EXTERNAL); else auth_mechanism: plain"
        )
    where = address.advice("-u, --password-file, --auth-file", "username and password")
    return f"wrong name or password ({where}, or DRIPLINE_USER and DRIPLINE_PASSWORD)"


def lost(address: BrokerAddress, error: Exception) -> BrokerError:
    """Describe the end of a connection that was open."""
    by_broker = isinstance(error, exceptions.ConnectionClosedByBroker) and error.reply_code not in _SHUTDOWN
    kind = ClosedByBroker if by_broker else ConnectionLost
    return kind(f"the connection to the broker at {address} was lost: {describe(error)}")


def closed(address: BrokerAddress) -> ConnectionLost:
    """Describe a connection that was closed on purpose."""
    return ConnectionLost(f"the connection to the broker at {address} is closed")


def refused(address: BrokerAddress, error: exceptions.ChannelClosed) -> BrokerError:
    """Describe why the broker closed a channel.

    Returns:
        `NameTaken`, or the `BrokerError` itself for what no second attempt mends.
    """
    if error.reply_code == 405:
        return NameTaken(safe_text(error.reply_text))
    return BrokerError(f"the broker at {address} refused: {describe(error)}")


def mute(address: BrokerAddress, timeout_s: float) -> ConnectionLost:
    """Describe a broker that does not answer any longer."""
    return ConnectionLost(f"the broker at {address} did not answer within {duration(timeout_s)}")


def describe(error: Exception) -> str:
    """Return one line about an error, whatever its class."""
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code is not None:
        return safe_text(f"{code} {text}")
    return safe_text(getattr(error, "strerror", None) or error) or type(error).__name__


def again(error: BrokerError) -> BrokerError:
    """Return the same error afresh: one instance raised by many threads would collect all their tracebacks."""
    return copy.copy(error)
