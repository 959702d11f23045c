"""Declarations on a connection: exchanges, queues, bindings, quorum queue arguments."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import Any, Final

from pika import spec
from pika.exceptions import ChannelClosedByBroker

from dripline.amqp import content as frames
from dripline.amqp.properties import short_string
from dripline.transport.connection_base import ConnectionLife
from dripline.wire.codec import Envelope

#: Gives what is sent ahead of a call on a separate channel, by the number of the channel.
Ahead = Callable[[int], bytes]

#: Arguments of a quorum queue whose messages may be delivered any number of times. Not before RabbitMQ 4: 3.x
#: takes -1 for a limit, and drops a message when it comes back for the first time.
UNLIMITED: Final[dict[str, Any]] = {"x-queue-type": "quorum", "x-delivery-limit": -1}

_FIRST_WITH_LIMIT: Final = 4

logger = logging.getLogger("dripline.connection")


class Topology(ConnectionLife):
    """Declares and binds what messages pass through; see `Connection`."""

    def declare_exchanges(self, names: Sequence[str]) -> None:
        """Declare topic exchanges as a mesh has them.

        Raises:
            BrokerError: There is an exchange of that name and another kind, or the user must not declare any.
        """
        channel = self._ready()

        def start(done: Callable[[Any], None]) -> None:
            for name in names[:-1]:
                channel.exchange_declare(name, "topic")
            channel.exchange_declare(names[-1], "topic", callback=done)

        self._ask(start)

    def declare_durable_exchange(self, name: str, source: str) -> None:
        """Declare a topic exchange that outlives restarts of the broker, bound to all of another one.

        Raises:
            BrokerError: There is an exchange of that name and another kind, or the user must not declare any.
            DriplineError: The name is longer than AMQP allows.
        """
        channel = self._ready()
        short_string(name)

        def start(done: Callable[[Any], None]) -> None:
            channel.exchange_declare(name, "topic", durable=True)
            channel.exchange_bind(name, source, "#", callback=done)

        self._ask(start)

    def lead_on(self, source: str, name: str) -> bool:
        """Declare a topic exchange as a mesh has it, and bind another one to all of it; one round trip.

        Both in one write: nobody publishes to a new exchange while it leads nowhere.

        Args:
            source: The exchange that is declared.
            name: The other one.

        Returns:
            Whether that was done: there may be no other one, or the user may not.
        """
        if len(name.encode()) > 255:
            return False  # there can be none
        declare = spec.Exchange.Declare(0, source, "topic", nowait=True)
        return self._try_out(
            spec.Exchange.Bind(0, name, source, "#", False, {}),
            lambda number: frames.encode_method(number, declare),
        )

    def has_exchange(self, name: str) -> bool:
        """Whether an exchange exists; one round trip, which changes nothing."""
        return self._try_out(_passive_exchange(name))

    def publish_aside(self, exchange: str, envelopes: Sequence[Envelope]) -> bool:
        """Publish mandatory messages in a way that no refusal ends the connection; one round trip.

        Args:
            exchange: Exchange.
            envelopes: The chunks of any number of messages, in order.

        Returns:
            Whether the broker has taken them: there may be no exchange, or the user may not.
        """
        return self._try_out(
            _passive_exchange(exchange),
            lambda number: self._frames(number, exchange, envelopes, mandatory=True),
        )

    def watch_exchange(self, name: str, watched: str) -> bool:
        """Declare an exchange that the broker deletes along with another one, even if that is declared again.

        It is an auto-delete exchange whose only binding leads to the other one; nothing is published to it.

        Args:
            name: Its name.
            watched: The other one.

        Returns:
            Whether that could be done: the user may not be allowed to.
        """
        if len(name.encode()) > 255:
            return False
        declare = spec.Exchange.Declare(0, name, "topic", False, False, True, False, False, {})
        return self._try_out(declare) and self._try_out(spec.Exchange.Bind(0, watched, name, "none", False, {}))

    def drop_exchange(self, name: str) -> None:
        """Delete an exchange without waiting; does nothing when the connection is gone."""
        channel = self._channel
        if self.is_open and channel is not None:
            self._post(lambda: channel.is_open and channel.exchange_delete(name))

    def declare_queue(self, name: str = "", *, exclusive: bool = True, auto_delete: bool = True) -> str:
        """Declare a queue.

        Args:
            name: Its name; empty lets the broker choose one.
            exclusive: Whether it belongs to this connection alone and dies with it.
            auto_delete: Whether it goes with its last consumer.

        Returns:
            The queue's name.

        Raises:
            NameTaken: Another connection owns that name.
            DriplineError: The name is longer than AMQP allows.
        """
        channel = self._ready()
        if not name:
            answer = self._ask(
                lambda done: channel.queue_declare("", exclusive=exclusive, auto_delete=auto_delete, callback=done)
            )
            return str(answer.method.queue)
        short_string(name)
        declare = spec.Queue.Declare(0, name, exclusive=exclusive, auto_delete=auto_delete)

        def start(done: Callable[[Any], None]) -> None:
            # A taken name is an expected refusal, and is retried: pika must not log each one.
            self._adapter.try_out(declare, lambda refusal: self._refuse(refusal) if refusal else done(None))

        self._ask(start)
        return name

    def declare_durable_queue(self, name: str) -> None:
        """Declare a queue that outlives connections and restarts of the broker, and collects meanwhile.

        A quorum queue where the broker has them: it keeps also messages that are not marked as persistent, as
        those of a mesh are not. RabbitMQ 4 drops messages of quorum queues that were delivered more than 20 times,
        unless the queue says otherwise; an existing queue that does not is used as it is, and named in the log.

        Raises:
            BrokerError: There is a queue of that name and another kind.
        """
        short_string(name)
        self.check()
        kind: dict[str, Any] = {"x-queue-type": "quorum"}
        passive = False
        is_limiting = has_delivery_limit(self._adapter.server_properties)
        if is_limiting:
            refusal = self._refusal_of(spec.Queue.Declare(0, name, durable=True, arguments=UNLIMITED))
            if refusal is None:
                return
            existing = spec.Queue.Declare(0, name, durable=True, arguments=kind)
            passive = _differs_in_limit(refusal) and not self._try_out(existing)
        channel = self._ready()
        self._ask(
            lambda done: channel.queue_declare(name, passive=passive, durable=True, arguments=kind, callback=done)
        )
        if is_limiting:
            _warn_of_limit(name, self.address.virtual_host)

    def bind(self, queue: str, exchange: str, keys: Sequence[str], timeout_s: float = 30.0) -> None:
        """Bind a queue with many keys in one write; a later call that waits also waits for these.

        Args:
            queue: The queue.
            exchange: The exchange.
            keys: The binding keys.
            timeout_s: Longest wait for a broker that takes no data.
        """
        self.check()
        names = short_string(queue), short_string(exchange)
        self._send(b"".join(frames.bind_frame(self._number, *names, key) for key in keys), timeout_s)

    def bind_now(self, queue: str, exchange: str, keys: Sequence[str]) -> None:
        """Bind a queue with one key or more; returns when the broker has done it."""
        channel = self._ready()
        self.bind(queue, exchange, keys)
        self._ask(lambda done: channel.queue_bind(queue, exchange, keys[-1], callback=done))  # once more, to hear

    def bind_aside(self, bindings: Sequence[tuple[str, str, str]]) -> str:
        """Make bindings in a way that no refusal ends the connection; one round trip.

        Args:
            bindings: Of each the queue, the exchange, and the binding key.

        Returns:
            Why the broker refuses one of them; empty if it does not.
        """
        if not bindings:
            return ""
        *others, (queue, exchange, key) = bindings
        ahead = [(short_string(queue), short_string(exchange), key) for queue, exchange, key in others]
        refusal = self._refusal_of(
            spec.Queue.Bind(0, queue, exchange, key, False, {}),
            lambda number: b"".join(frames.bind_frame(number, *binding) for binding in ahead),
        )
        return str(refusal.reply_text) if refusal is not None else ""

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Take a binding away; returns when the broker has done it."""
        channel = self._ready()
        self._ask(lambda done: channel.queue_unbind(queue, exchange, key, callback=done))

    def _try_out(self, method: object, ahead: Ahead = lambda _number: b"") -> bool:
        """Call a method on a separate channel, so that a refusal does not end the connection."""
        return self._refusal_of(method, ahead) is None

    def _refusal_of(self, method: object, ahead: Ahead = lambda _number: b"") -> ChannelClosedByBroker | None:
        self.check()
        refusal: ChannelClosedByBroker | None = self._ask(lambda done: self._adapter.try_out(method, done, ahead))
        return refusal


def _passive_exchange(name: str) -> spec.Exchange.Declare:
    return spec.Exchange.Declare(0, name, "topic", True, False, False, False, False, {})


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


def _differs_in_limit(refusal: ChannelClosedByBroker) -> bool:
    """Whether a declaration was refused because an existing queue has another delivery limit."""
    return refusal.reply_code == 406 and "x-delivery-limit" in refusal.reply_text


def policy_command(queue: str, virtual_host: str) -> str:
    """Give the command that lifts the limit of an existing queue. A queue follows a single policy."""
    pattern = f"^{re.escape(queue)}$"
    return (
        f"rabbitmqctl set_policy -p {quote(virtual_host)} --priority 100 --apply-to quorum_queues "
        f"""{quote(f"dripline {queue}")} {quote(pattern)} '{{"delivery-limit": -1}}'"""
    )


def _warn_of_limit(queue: str, virtual_host: str) -> None:
    """Log that an existing queue has a delivery limit, unless a policy lifts it, and how to do so."""
    logger.warning(
        "queue %r was declared without 'x-delivery-limit': -1; unless a policy lifts the limit, this broker drops "
        "alerts that were delivered 20 times: %s",
        queue,
        policy_command(queue, virtual_host),
    )
