"""Durable queues: what they are for, and what survives what."""

from __future__ import annotations

from collections.abc import Iterator

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from dripline.broker import EmbeddedBroker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker."""
    with EmbeddedBroker(port=0) as broker:
        yield broker


def connect(broker: EmbeddedBroker) -> tuple[pika.BlockingConnection, BlockingChannel]:
    """A client and its channel."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))
    return connection, connection.channel()


def is_cut_off(connection: pika.BlockingConnection) -> bool:
    """Whether the broker has ended a connection; pika only learns it when it looks."""
    try:
        connection.process_data_events(1)
    except pika.exceptions.AMQPError:
        return True
    return connection.is_closed


def declare(channel: BlockingChannel, **changes: object) -> int:
    """Declare a queue that collects alerts; how many there are in it."""
    channel.exchange_declare("alerts", "topic", durable=bool(changes.pop("durable_exchange", False)))
    arguments = {"durable": True, "exclusive": False, "auto_delete": False, **changes}
    count = channel.queue_declare("logger", **arguments).method.message_count
    channel.queue_bind("logger", "alerts", "sensor_value.#")
    return count


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_it_collects_while_its_consumer_is_dead(broker: EmbeddedBroker, kind: str) -> None:
    """What was not acknowledged comes first and again, then what came meanwhile."""
    consumer, channel = connect(broker)
    declare(channel, arguments={"x-queue-type": kind})
    sender, sending = connect(broker)
    sending.basic_publish("alerts", "sensor_value.a", b"0")
    assert channel.basic_get("logger")[2] == b"0"
    broker.call(
        lambda state: [c.transport.abort() for c in state.connections if c.client_name == "" and c.channels]
    )
    assert is_cut_off(consumer)
    sender, sending = connect(broker)
    for number in (1, 2):
        sending.basic_publish("alerts", "sensor_value.a", b"%d" % number)
    again, channel = connect(broker)
    assert declare(channel, arguments={"x-queue-type": kind}) == 3
    got = [channel.basic_get("logger", auto_ack=True) for _ in range(3)]
    assert [(method.redelivered, body) for method, _, body in got] == [(True, b"0"), (False, b"1"), (False, b"2")]
    again.close()
    sender.close()


@pytest.mark.parametrize(("kind", "keep", "left", "bound"), [
    ("classic", "everything", 2, True),
    ("classic", "durable", 1, False),
    ("quorum", "durable", 2, False),
    ("quorum", "nothing", None, False),
])  # fmt: skip
def test_it_survives_a_restart_with_state(broker: EmbeddedBroker, kind, keep, left: int | None, bound) -> None:
    """As RabbitMQ does it: persistent messages stay, in a quorum queue all; what binds passing exchanges goes."""
    connection, channel = connect(broker)
    declare(channel, arguments={"x-queue-type": kind})
    for mode in (1, 2):
        channel.basic_publish("alerts", "sensor_value.a", b"m", pika.BasicProperties(delivery_mode=mode))
    channel.basic_qos()  # answered when all of it is there
    broker.suspend(keep=keep)
    broker.resume()
    again, channel = connect(broker)
    if left is None:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="404"):
            channel.queue_declare("logger", passive=True)
    else:
        assert channel.queue_declare("logger", passive=True).method.message_count == left
        assert broker.call(lambda state: bool(state.vhost.queues["logger"].bound_to)) is bound
    again.close()
    assert is_cut_off(connection)


def test_a_durable_exchange_keeps_its_bindings(broker: EmbeddedBroker) -> None:
    """Those to durable queues."""
    _, channel = connect(broker)
    declare(channel, durable_exchange=True)
    broker.suspend(keep="durable")
    broker.resume()
    again, channel = connect(broker)
    channel.basic_publish("alerts", "sensor_value.a", b"m")
    assert channel.basic_get("logger", auto_ack=True)[2] == b"m"
    again.close()


@pytest.mark.parametrize(("changes", "reason"), [
    ({"durable": False}, "invalid property 'non-durable'"),
    ({"exclusive": True}, "invalid property 'exclusive-owner'"),
    ({"auto_delete": True}, "invalid property 'auto-delete'"),
])  # fmt: skip
def test_a_quorum_queue_is_durable_and_for_all(broker: EmbeddedBroker, changes: dict, reason: str) -> None:
    """Else it is refused, in the words of RabbitMQ."""
    connection, channel = connect(broker)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match=f"PRECONDITION_FAILED - {reason} for queue"):
        declare(channel, arguments={"x-queue-type": "quorum"}, **changes)
    connection.close()


def test_a_classic_queue_may_say_so(broker: EmbeddedBroker) -> None:
    """That is what it is without saying; a quorum queue is another one."""
    connection, channel = connect(broker)
    declare(channel, arguments={"x-queue-type": "classic"})
    declare(channel)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="inequivalent arg 'x-queue-type'"):
        declare(channel, arguments={"x-queue-type": "quorum"})
    connection.close()
