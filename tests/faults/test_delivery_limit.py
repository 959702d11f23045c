"""Consumers that fail again and again on the same messages: what is dropped is counted, nothing else is missing.

The client is plain pika; durable consumers of a mesh are killed in `test_durable_consumer`.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from support.waiting import eventually

from dripline.broker import EmbeddedBroker, rabbitmq
from dripline.transport.address import BrokerAddress

MESSAGES = 200
CRASHES = 25


class Queue:
    """A quorum queue with messages, and clients of it.

    Args:
        address: Where the broker is.
        arguments: Further arguments of the queue.
    """

    def __init__(self, address: BrokerAddress, **arguments: int) -> None:
        self._address = address
        self.name = f"limit-{uuid.uuid4().hex[:10]}"
        self.keeper = self.connect()
        self.keeper.queue_declare(self.name, durable=True, arguments={"x-queue-type": "quorum", **arguments})
        for number in range(MESSAGES):
            self.keeper.basic_publish("", self.name, str(number).encode())
        self.await_ready(MESSAGES)

    def connect(self) -> BlockingChannel:
        """A channel on a connection of its own."""
        address = self._address
        login = pika.PlainCredentials(address.username, address.password)
        connection = pika.BlockingConnection(
            pika.ConnectionParameters(address.host, address.port, address.virtual_host, login)
        )
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    def ready(self) -> int:
        """How many messages wait."""
        return int(self.keeper.queue_declare(self.name, passive=True).method.message_count)

    def await_ready(self, count: int) -> None:
        """Wait until so many messages wait."""
        assert eventually(lambda: self.ready() == count), self.ready()

    def take_all(self, ends: Callable[[BlockingChannel, int], object]) -> set[int]:
        """Take all messages unacknowledged with a consumer, then end it in some way; which messages came."""
        channel = self.connect()
        came: dict[int, int] = {}
        expected = self.ready()
        channel.basic_consume(
            self.name, lambda _channel, method, _properties, body: came.update({method.delivery_tag: int(body)})
        )
        assert eventually(lambda: channel.connection.process_data_events(0.01) or len(came) >= expected)
        ends(channel, max(came, default=0))
        return set(came.values())

    def drain(self) -> list[int]:
        """Acknowledge what is there; the numbers."""
        numbers = []
        while (delivery := self.keeper.basic_get(self.name, auto_ack=True))[0] is not None:
            numbers.append(int(delivery[2]))
        return numbers


def crash(channel: BlockingChannel, _last: int) -> None:
    """The client's process dies: its socket is gone, without a word."""
    channel.connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


def nack(channel: BlockingChannel, last: int) -> None:
    """The client stops consuming, returns everything and leaves."""
    channel.basic_cancel(channel.consumer_tags[0])
    if last:
        channel.basic_nack(last, multiple=True, requeue=True)
    channel.connection.close()


@pytest.fixture
def queue(broker: BrokerAddress) -> Iterator[Queue]:
    """On each broker, with its own rules."""
    queue = Queue(broker)
    yield queue
    queue.keeper.queue_delete(queue.name)


@pytest.mark.parametrize("ends", [crash, nack])
def test_without_a_limit_nothing_is_lost(queue: Queue, ends: Callable[[BlockingChannel, int], object]) -> None:
    """25 crashes on the same messages lose none: all published are there, each once."""
    for _ in range(CRASHES):
        assert queue.take_all(ends) == set(range(MESSAGES))
        queue.await_ready(MESSAGES)
    assert sorted(queue.drain()) == list(range(MESSAGES))


@pytest.mark.parametrize(
    ("version", "ends", "arguments", "survive"),
    [
        ("4.0", crash, {}, False),
        ("4.0", nack, {}, False),
        ("4.0", crash, {"x-delivery-limit": -1}, True),
        ("4.0", nack, {"x-delivery-limit": -1}, True),
        ("4.3", crash, {}, False),
        ("4.3", nack, {}, True),
        ("4.3", crash, {"x-delivery-limit": -1}, True),
    ],
)
def test_with_a_limit_what_is_dropped_is_counted(
    version: str, ends: Callable[[BlockingChannel, int], object], arguments: dict[str, int], survive: bool
) -> None:
    """By RabbitMQ 4's rules 25 crashes lose all messages of a queue without ``x-delivery-limit: -1``."""
    with EmbeddedBroker(port=0, compatibility=rabbitmq(version)) as broker:
        queue = Queue(BrokerAddress(broker.host, broker.port), **arguments)
        for attempt in range(1, CRASHES + 1):
            left = MESSAGES if survive or attempt <= 20 else 0
            queue.take_all(ends)
            queue.await_ready(left)
        dropped = broker.dropped_at_limit().get(queue.name, 0)
        delivered = queue.drain()
        assert (len(delivered), dropped) == ((MESSAGES, 0) if survive else (0, MESSAGES))
        assert broker.call(lambda state: state.vhost.queues[queue.name].held) == 0
