"""What is there after a restart is the same on the embedded broker and on RabbitMQ.

One RabbitMQ node for all of it: to start and to restart one takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import pika
from pika.adapters.blocking_connection import BlockingChannel
from support.rabbitmq_node import new_node

from dripline.broker import EmbeddedBroker
from dripline.transport.address import BrokerAddress

from .stage import Stage

PERSISTENT = pika.BasicProperties(delivery_mode=2)
EXCHANGES = ("passing", "durable", "durable.too", "durable.auto-delete", "durable.auto-delete.too")
QUEUES = ("passing", "durable", "durable.auto-delete")
KEY = "sensor_value.a"


def test_same_after_a_restart() -> None:
    """What is durable is there, with the bindings between what is durable, and with persistent messages."""
    with EmbeddedBroker(port=0) as broker:

        def restart() -> None:
            broker.suspend(keep="durable")
            broker.resume()

        embedded = play(BrokerAddress(broker.host, broker.port), restart)
    with new_node() as node:
        assert embedded == play(node.address, node.restart)


def play(address: BrokerAddress, restart: Callable[[], object]) -> list[tuple[object, ...]]:
    """Build, restart, look, and build again, as clients do that find nothing of their own."""
    stage = Stage(address)
    channel = stage.channel()
    build(channel)
    for number in range(3):
        channel.basic_publish("passing", KEY, b"before %d" % number, PERSISTENT if number else None)
    look(stage)
    stage.close()
    restart()
    after = Stage(address)
    look(after)
    channel = after.channel()
    bind_durable_to_passing(channel)
    channel.basic_publish("passing", KEY, b"after", PERSISTENT)
    channel.basic_publish("durable", KEY, b"after", PERSISTENT)
    bind_durable_to_passing(channel)
    channel.queue_bind("durable", "passing", "#")
    channel.basic_publish("passing", KEY, b"both ways", PERSISTENT)
    look(after)
    after.close()
    return stage.log + after.log


def build(channel: BlockingChannel) -> None:
    """Everything that clients could have made: what is durable, and what is not."""
    bind_durable_to_passing(channel)
    channel.exchange_declare("durable.too", "topic", durable=True)
    for name in ("durable.auto-delete", "durable.auto-delete.too"):
        channel.exchange_declare(name, "topic", durable=True, auto_delete=True)
    channel.exchange_bind("durable.too", "durable", "#")
    channel.exchange_bind("passing", "durable.too", "#")
    for name in QUEUES:
        channel.queue_declare(name, durable=name != "passing", auto_delete=name.endswith("auto-delete"))
    channel.queue_bind("durable", "durable", "sensor_value.#")
    channel.queue_bind("durable", "durable.too", "#")
    channel.queue_bind("durable", "passing", "sensor_value.#")
    channel.queue_bind("durable.auto-delete", "durable.too", "#")
    channel.queue_bind("passing", "durable", "#")
    channel.queue_bind("passing", "durable.auto-delete", "#")
    channel.queue_bind("durable", "durable.auto-delete.too", "#")


def bind_durable_to_passing(channel: BlockingChannel) -> None:
    """As each sender does when it connects."""
    channel.exchange_declare("passing", "topic")
    channel.exchange_declare("durable", "topic", durable=True)
    channel.exchange_bind("durable", "passing", "#")


def look(stage: Stage) -> None:
    """Write down what is there, where messages go, and what was in the queues."""
    for name in EXCHANGES:
        stage.attempt(name, stage.channel().exchange_declare, name, passive=True)
    there = [name for name in QUEUES if stage.attempt(name, stage.channel().queue_declare, name, passive=True)]
    empty(stage, there)
    for name in EXCHANGES:
        stage.attempt(name, stage.channel().basic_publish, name, KEY, name.encode(), mandatory=True)
        empty(stage, there)


def empty(stage: Stage, queues: list[str]) -> None:
    """Get all there is, the queues one after the other."""
    channel = stage.channel()
    for name in queues:
        stage.note(name)
        while stage.get(channel, name, auto_ack=True):
            pass
    channel.connection.close()
