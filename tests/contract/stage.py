"""A stage for differential scenarios: does things on a broker and writes down what comes of them."""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel

from .conftest import BrokerAddress

_GENERATED = re.compile(r"amq\.(?:gen|ctag)-[-_A-Za-z0-9]{22}|ctag\d+\.[0-9a-f]{32}")


class Stage:
    """One scenario's view of one broker.

    `log` holds what happened, free of what differs between runs: names made unique for the run, names the broker
    made up (replaced by their order of appearance), the name of the virtual host.
    """

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        self.log: list[tuple[Any, ...]] = []
        self._suffix = f".{uuid.uuid4().hex[:10]}"
        self._generated: dict[str, str] = {}
        self._connections: list[pika.BlockingConnection] = []

    def name(self, label: str) -> str:
        """A name nobody else uses."""
        return label + self._suffix

    def connect(self, **parameters: Any) -> pika.BlockingConnection:
        """A new connection."""
        address = self.address
        merged = {
            "host": address.host,
            "port": address.port,
            "virtual_host": address.virtual_host,
            "credentials": pika.PlainCredentials(address.username, address.password),
            **parameters,
        }
        connection = pika.BlockingConnection(pika.ConnectionParameters(**merged))
        self._connections.append(connection)
        return connection

    def channel(self, connection: pika.BlockingConnection | None = None, confirms: bool = True) -> BlockingChannel:
        """A new channel, on a connection of its own unless one is given."""
        channel = (connection or self.connect()).channel()
        if confirms:
            channel.confirm_delivery()
        return channel

    def queue(self, *bodies: str) -> tuple[BlockingChannel, str]:
        """A channel, and a new queue that holds messages."""
        channel, name = self.channel(), self.name("q")
        channel.queue_declare(name)
        self.publish(channel, "", name, *bodies)
        return channel, name

    def note(self, *values: Any) -> None:
        """Write something down."""
        self.log.append(tuple(self.normal(value) for value in values))

    def attempt(self, what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call, and write down the answer or the error with its code and text."""
        try:
            result = function(*args, **kwargs)
        except pika.exceptions.AMQPError as error:
            self.note(what, type(error).__name__, *_details(error))
            return None
        self.note(what, "ok", _describe(result))
        return result

    def publish(self, channel: BlockingChannel, exchange: str, key: str, *bodies: str, **kwargs: Any) -> None:
        """Publish bodies one after the other."""
        for body in bodies:
            channel.basic_publish(exchange, key, body.encode(), **kwargs)

    def get(self, channel: BlockingChannel, queue: str, **kwargs: Any) -> int:
        """basic.get, written down; the delivery tag (0 when the queue is empty)."""
        method, properties, body = channel.basic_get(queue, **kwargs)
        if method is None:
            self.note("get-empty")
            return 0
        self.note("get", *_delivery(method), method.message_count, _headers(properties), body)
        return int(method.delivery_tag)

    def consume(self, channel: BlockingChannel, queue: str, tag: str, **kwargs: Any) -> list[int]:
        """Consume, write deliveries down as they come; the returned list grows by their tags."""
        tags: list[int] = []

        def on_delivery(_: Any, method: Any, properties: Any, body: bytes) -> None:
            self.note("deliver", tag, *_delivery(method), _headers(properties), body)
            tags.append(method.delivery_tag)

        channel.basic_consume(queue, on_delivery, consumer_tag=tag, **kwargs)
        return tags

    def settle(self, channel: BlockingChannel, queue: str, ready: int, came: int = 0) -> None:
        """Wait until `ready` messages are left in a queue and `came` deliveries in all have come.

        A queue of RabbitMQ handles acknowledgements in its own time, hence the waiting; its answer to a
        declaration comes after the deliveries before it.
        """
        deadline = time.monotonic() + 30.0
        while True:
            answer = channel.queue_declare(queue, passive=True).method
            channel.connection.process_data_events(0)
            deliveries = sum(entry[0] == "deliver" for entry in self.log)
            if (answer.message_count == ready and deliveries >= came) or time.monotonic() > deadline:
                break
            channel.connection.process_data_events(0.01)
        self.note("queue", queue, answer.message_count, answer.consumer_count)

    def normal(self, value: Any) -> Any:
        """A value without what differs from run to run."""
        if isinstance(value, str):
            value = value.replace(self._suffix, "").replace(f"vhost '{self.address.virtual_host}'", "vhost")
            return _GENERATED.sub(self._placeholder, value)
        if isinstance(value, (list, tuple)):
            return tuple(self.normal(item) for item in value)
        if isinstance(value, dict):
            return {key: self.normal(item) for key, item in value.items()}
        return value

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            if connection.is_open:
                with contextlib.suppress(pika.exceptions.AMQPError):  # the broker may have closed it just now
                    connection.close()

    def _placeholder(self, match: re.Match[str]) -> str:
        return self._generated.setdefault(match[0], f"<generated {len(self._generated) + 1}>")


def _details(error: pika.exceptions.AMQPError) -> tuple[Any, ...]:
    if isinstance(error, (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker)):
        return error.reply_code, error.reply_text
    if isinstance(error, pika.exceptions.UnroutableError):
        return tuple(
            (m.method.reply_code, m.method.reply_text, m.method.exchange, m.method.routing_key, m.body)
            for m in error.messages
        )
    return ()


def _describe(result: Any) -> Any:
    method = getattr(result, "method", None)
    if method is None:
        return result if isinstance(result, (str, int, bool, type(None))) else None
    return method.NAME, tuple(sorted((k, v) for k, v in vars(method).items()))


def _delivery(method: Any) -> tuple[Any, ...]:
    return method.delivery_tag, method.redelivered, method.exchange, method.routing_key


def _headers(properties: pika.BasicProperties) -> Any:
    return {key: value for key, value in vars(properties).items() if value is not None}
