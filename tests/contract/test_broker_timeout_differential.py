"""A consumer that acknowledges nothing in time: the same on the embedded broker and on RabbitMQ 3.10.

RabbitMQ's timeout holds for a whole node, so that the test has one of its own.
"""

from __future__ import annotations

from support.rabbitmq_node import new_node
from support.waiting import eventually

from dripline.broker import EmbeddedBroker, rabbitmq
from dripline.transport.address import BrokerAddress

from .stage import Stage

TIMEOUT_MS = 1000


def test_same_consumer_timeout() -> None:
    """The channel is closed with the same words, and what it held returns; other channels go on."""
    rules = rabbitmq("3.10", consumer_timeout_s=TIMEOUT_MS / 1000)
    with EmbeddedBroker(port=0, compatibility=rules) as broker:
        embedded = play(BrokerAddress(broker.host, broker.port))
    with new_node(settings={"consumer_timeout": TIMEOUT_MS}) as node:
        # It looks once a minute, and nothing in its configuration file changes that.
        node.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 250).")
        assert embedded == play(node.address)


def play(address: BrokerAddress) -> list[tuple[object, ...]]:
    """Hold messages for too long, with a consumer and with basic.get, on queues of both types."""
    stage = Stage(address)
    for kind in ("classic", "quorum"):
        for how in ("consume", "get"):
            keeper, name = stage.channel(), stage.name(f"{kind}.{how}")
            keeper.queue_declare(name, durable=True, arguments={"x-queue-type": kind})
            stage.publish(keeper, "", name, "1", "2")
            slow = stage.channel(stage.connect())
            other = stage.channel(slow.connection)
            closed: list[object] = []
            slow._impl.add_on_close_callback(lambda _channel, reason, closed=closed: closed.append(reason))
            if how == "consume":
                slow.basic_consume(name, lambda *_: None)
            else:
                slow.basic_get(name)
            connection = slow.connection
            assert eventually(lambda connection=connection, closed=closed: step(connection) or closed)
            (reason,) = closed
            stage.note(kind, how, reason.reply_code, reason.reply_text)
            stage.note("other", other.is_open)
            assert eventually(
                lambda keeper=keeper, name=name: keeper.queue_declare(name, passive=True).method.message_count == 2
            )
            first, properties, body = keeper.basic_get(name, auto_ack=True)
            stage.note(first.redelivered, properties.headers, body)
            keeper.queue_delete(name)
    stage.close()
    return stage.log


def step(connection) -> None:
    """Let a client handle what comes."""
    connection.process_data_events(0.05)
