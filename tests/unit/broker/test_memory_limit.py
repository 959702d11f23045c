"""What messages may take: queues drop their oldest, and publishers wait when all is full."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from support.waiting import eventually

from dripline.broker import EmbeddedBroker

KILOBYTE = b"x" * 1024


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A small one: 100 kB in a queue, 300 kB in all."""
    with EmbeddedBroker(port=0, max_queue_bytes=100_000, max_memory_bytes=300_000) as broker:
        yield broker


@pytest.fixture
def connection(broker: EmbeddedBroker) -> Iterator[pika.BlockingConnection]:
    """A client."""
    connection = connect(broker)
    yield connection
    with contextlib.suppress(pika.exceptions.AMQPError):  # the broker may have closed it
        connection.close()


@pytest.fixture
def channel(connection: pika.BlockingConnection) -> BlockingChannel:
    """Its channel."""
    return connection.channel()


def connect(broker: EmbeddedBroker) -> pika.BlockingConnection:
    """A client that does not wait for ever."""
    return pika.BlockingConnection(
        pika.ConnectionParameters(broker.host, broker.port, heartbeat=0, blocked_connection_timeout=20)
    )


def used(broker: EmbeddedBroker) -> int:
    """What the broker believes that messages take."""
    return broker.call(lambda state: next(iter(state.vhost.queues.values()))._memory.used)


def held(broker: EmbeddedBroker) -> int:
    """What all queues hold."""
    return broker.call(lambda state: sum(queue.held for queue in state.vhost.queues.values()))


def first(channel: BlockingChannel, queue: str) -> bytes:
    """The oldest message of a queue."""
    return channel.basic_get(queue, auto_ack=True)[2]


def test_a_queue_drops_its_oldest(broker: EmbeddedBroker, channel: BlockingChannel, caplog) -> None:
    """A queue that nobody reads holds as much as it may, the newest; that is said once."""
    channel.queue_declare("q")
    for number in range(300):
        channel.basic_publish("", "q", b"%d " % number + KILOBYTE)
    count = channel.queue_declare("q", passive=True).method.message_count
    assert 50 < count < 100
    assert first(channel, "q").startswith(b"%d " % (300 - count))
    assert caplog.text.count("its oldest messages go") == 1


def test_a_durable_queue_drops_nothing(broker: EmbeddedBroker, channel: BlockingChannel) -> None:
    """Its messages were confirmed; memory is bounded by the limit of all queues together."""
    channel.queue_declare("q", durable=True)
    for number in range(120):
        channel.basic_publish("", "q", b"%d " % number + KILOBYTE)
    assert channel.queue_declare("q", passive=True).method.message_count == 120
    assert first(channel, "q").startswith(b"0 ")


@pytest.mark.parametrize(("arguments", "left"), [
    ({"x-max-length": 3}, 3),
    ({"x-max-length-bytes": 5000}, 3),
    ({"x-max-length": 0}, 0),
    ({"x-max-length": 3, "x-overflow": "drop-head"}, 3),
    ({"x-max-length": 3, "x-overflow": "reject-publish"}, 9),
    ({"x-max-length": "three"}, 9),
])  # fmt: skip
def test_a_queue_may_want_less(channel: BlockingChannel, arguments: dict[str, object], left: int) -> None:
    """`x-max-length` and `x-max-length-bytes` count; what is no number, and other overflows, do not."""
    channel.queue_declare("q", arguments=arguments)
    for number in range(9):
        channel.basic_publish("", "q", b"%d" % number + KILOBYTE)
    assert channel.queue_declare("q", passive=True).method.message_count == left
    if left:
        assert first(channel, "q").startswith(b"%d" % (9 - left))


def test_publishers_wait_while_too_much_is_held(
    broker: EmbeddedBroker, connection: pika.BlockingConnection, channel: BlockingChannel
) -> None:
    """They get connection.blocked, and all they sent arrives when somebody has read."""
    told: list[str] = []
    connection.add_on_connection_blocked_callback(lambda _, frame: told.append(frame.method.reason))
    connection.add_on_connection_unblocked_callback(lambda *_: told.append("over"))
    reader = connect(broker)
    reading = reader.channel()
    for queue in "abcd":
        reading.queue_declare(queue)
        for _ in range(60):
            channel.basic_publish("", queue, KILOBYTE)
    connection.process_data_events(0)
    assert eventually(lambda: connection.process_data_events(0.01) or told)
    assert 300_000 < held(broker) < 320_000
    counts = dict.fromkeys("abcd", 0)
    while sum(counts.values()) < 240:
        for queue in counts:
            counts[queue] += reading.basic_get(queue, auto_ack=True)[0] is not None
    assert eventually(lambda: connection.process_data_events(0.01) or told[-1] == "over")
    assert told == ["low on memory", "over"] * (len(told) // 2)  # once more if what waited is too much again
    assert used(broker) == 0
    reader.close()


@pytest.mark.parametrize("end", ["ack", "no ack", "reject", "purge", "delete", "disconnect", "get"])
def test_what_is_settled_is_given_back(broker: EmbeddedBroker, channel: BlockingChannel, end: str) -> None:
    """However a message ends, it is not counted any more; as long as it may come back, it is."""
    channel.queue_declare("kept")
    owner = connect(broker)
    own = owner.channel()
    own.queue_declare("q", exclusive=end == "disconnect")
    for _ in range(3):
        own.basic_publish("", "q", KILOBYTE)
    tags = [own.basic_get("q")[0].delivery_tag for _ in range(2)]
    assert used(broker) == held(broker) > 3 * 1024
    if end == "ack":
        own.basic_ack(tags[-1], multiple=True)
    elif end == "reject":
        own.basic_nack(tags[-1], multiple=True, requeue=False)
    elif end == "no ack":
        own.basic_nack(tags[-1], multiple=True, requeue=True)
        own.basic_consume("q", lambda *_: None, auto_ack=True)
    elif end == "get":
        own.basic_nack(tags[-1], multiple=True, requeue=True)
        while own.basic_get("q", auto_ack=True)[0] is not None:
            pass
    if end in ("ack", "reject", "purge"):
        own.queue_purge("q")
    if end == "purge":
        own.basic_ack(tags[-1], multiple=True)
    elif end == "delete":
        own.queue_delete("q")
        own.basic_ack(tags[-1], multiple=True)
    owner.process_data_events(0.01)
    owner.close()
    assert eventually(lambda: used(broker) == held(broker) == 0)


def test_what_a_deleted_queue_handed_out_counts_until_it_is_settled(
    broker: EmbeddedBroker, channel: BlockingChannel
) -> None:
    """It is still in memory: else queues that come and go could take any amount."""
    channel.queue_declare("kept")
    for end in ("ack", "nack", "close"):
        own = connect(broker)
        taker = own.channel()
        taker.queue_declare("q")
        for _ in range(3):
            taker.basic_publish("", "q", KILOBYTE)
        tags = [taker.basic_get("q")[0].delivery_tag for _ in range(2)]
        taker.queue_delete("q")
        assert 2 * 1024 < used(broker) < 4 * 1024  # two of three
        if end == "ack":
            taker.basic_ack(tags[-1], multiple=True)
        elif end == "nack":
            taker.basic_nack(tags[-1], multiple=True, requeue=True)
        own.close()
        assert eventually(lambda: used(broker) == 0)


def test_publishers_go_on_after_a_restart_without_state(broker: EmbeddedBroker, channel: BlockingChannel) -> None:
    """What was too much is gone, and so is the alarm."""
    for queue in "abcd":
        channel.queue_declare(queue)
    for queue in "abcd":
        for _ in range(90):
            channel.basic_publish("", queue, KILOBYTE)
    assert eventually(lambda: broker.call(lambda state: state.alarm.reason) == "low on memory")
    broker.suspend(keep="nothing")
    broker.resume()
    assert broker.call(lambda state: state.alarm.reason) == ""


def test_what_comes_back_makes_room(broker: EmbeddedBroker, channel: BlockingChannel) -> None:
    """Messages that nobody acknowledged return to a queue that is full by now: the oldest go."""
    channel.queue_declare("q", arguments={"x-max-length": 3})
    for number in range(3):
        channel.basic_publish("", "q", b"%d" % number)
    tag = [channel.basic_get("q")[0].delivery_tag for _ in range(2)][-1]
    for number in range(3, 5):
        channel.basic_publish("", "q", b"%d" % number)
    channel.basic_nack(tag, multiple=True, requeue=True)
    assert [first(channel, "q") for _ in range(4)] == [b"2", b"3", b"4", None]
