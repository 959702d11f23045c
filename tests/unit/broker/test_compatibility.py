"""The rules of RabbitMQ's versions, as options of the embedded broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from support.waiting import eventually

from dripline.broker import Compatibility, EmbeddedBroker, rabbitmq

QUORUM = {"x-queue-type": "quorum"}
RETURNS: dict[str, Callable[[BlockingChannel, int], object]] = {
    "nack": lambda channel, tag: channel.basic_nack(tag, requeue=True),
    "reject": lambda channel, tag: channel.basic_reject(tag, requeue=True),
    "recover": lambda channel, tag: channel.basic_recover(requeue=True),
    "close channel": lambda channel, tag: channel.close(),
    "close connection": lambda channel, tag: channel.connection.close(),
}


@contextmanager
def running(compatibility: Compatibility) -> Iterator[EmbeddedBroker]:
    """A broker with rules."""
    with EmbeddedBroker(port=0, compatibility=compatibility) as broker:
        yield broker


def connect(broker: EmbeddedBroker, **changes: object) -> BlockingChannel:
    """A channel of a new client."""
    parameters = pika.ConnectionParameters(broker.host, broker.port, **changes)
    return pika.BlockingConnection(parameters).channel()


def fill(broker: EmbeddedBroker, count: int = 1, **arguments: object) -> BlockingChannel:
    """A channel, and a quorum queue "q" with messages."""
    channel = connect(broker)
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True, arguments={**QUORUM, **arguments})
    for number in range(count):
        channel.basic_publish("", "q", b"%d" % number)
    return channel


def return_once(broker: EmbeddedBroker, how: str) -> dict[str, int] | None:
    """Take the message, return it; its headers, or None when there is no message."""
    channel = connect(broker)
    method, properties, _ = channel.basic_get("q")
    if method is None:
        return None
    RETURNS[how](channel, method.delivery_tag)
    return dict(properties.headers)


def waiting(broker: EmbeddedBroker) -> int:
    """How many messages wait in the queue."""
    return broker.call(lambda state: len(state.vhost.queues["q"].ready))


@pytest.mark.parametrize("how", RETURNS)
@pytest.mark.parametrize("version", ["4.0", "4.2"])
def test_up_to_4_2_each_return_counts(version: str, how: str) -> None:
    """The message is delivered 21 times; the return after that drops it, and the broker counts it as dropped."""
    with running(rabbitmq(version)) as broker:
        fill(broker)
        counts = [return_once(broker, how) for _ in range(22)]
        assert [headers and headers["x-delivery-count"] for headers in counts] == [*range(21), None]
        assert broker.dropped_at_limit() == {"q": 1}


@pytest.mark.parametrize("how", RETURNS)
def test_in_4_3_failures_count(how: str) -> None:
    """A rejected delivery has failed, and one whose client went away; nack and recover return without end."""
    failed = how not in ("nack", "recover")
    with running(rabbitmq("4.3")) as broker:
        fill(broker)
        counts = [return_once(broker, how) for _ in range(30)]
        assert waiting(broker) == (0 if failed else 1)
        assert counts[20] == {"x-delivery-count": 20 if failed else 0, "x-acquired-count": 20}
        assert counts.count(None) == (9 if failed else 0)
        assert broker.dropped_at_limit() == ({"q": 1} if failed else {})


@pytest.mark.parametrize("version", ["4.0", "4.3"])
def test_a_limit_of_minus_one_is_none(version: str) -> None:
    """A queue declared with -1 keeps its messages however often they come back."""
    with running(rabbitmq(version)) as broker:
        fill(broker, **{"x-delivery-limit": -1})
        for _ in range(30):
            assert return_once(broker, "close connection") is not None
        assert (waiting(broker), broker.dropped_at_limit()) == (1, {})


def test_a_limit_of_minus_one_is_zero_for_3_10() -> None:
    """RabbitMQ 3.x accepts -1 and then drops a message when it first comes back; the broker's own rules do not."""
    with running(rabbitmq("3.10")) as broker:
        fill(broker, **{"x-delivery-limit": -1})
        return_once(broker, "nack")
        assert broker.dropped_at_limit() == {"q": 1}
    with EmbeddedBroker(port=0) as broker:
        fill(broker, **{"x-delivery-limit": -1})
        return_once(broker, "nack")
        assert (waiting(broker), broker.dropped_at_limit()) == (1, {})


def test_the_limit_of_a_queue_counts_before_that_of_the_broker() -> None:
    """A queue may have a lower limit of its own, and one without gets the broker's."""
    with running(rabbitmq("4.0", delivery_limit=3)) as broker:
        channel = fill(broker, **{"x-delivery-limit": 1})
        for _ in range(2):
            return_once(broker, "nack")
        assert broker.dropped_at_limit() == {"q": 1}
        channel.queue_delete("q")
        fill(broker)
        for _ in range(3):
            return_once(broker, "nack")
        assert (waiting(broker), broker.dropped_at_limit()) == (1, {})


def test_of_many_messages_the_poisonous_one_is_dropped() -> None:
    """1000 messages, one of which is rejected each time: 999 are acknowledged, 1 is dropped, none remains."""
    with running(rabbitmq("4.3", delivery_limit=3)) as broker:
        channel = fill(broker, 1000)
        acknowledged = []
        for method, _, body in channel.consume("q", inactivity_timeout=1):
            if body is None:
                break
            if body == b"500":
                channel.basic_reject(method.delivery_tag, requeue=True)
            else:
                channel.basic_ack(method.delivery_tag)
                acknowledged.append(body)
            if len(acknowledged) == 999 and broker.dropped_at_limit():
                break
        assert sorted(acknowledged) == sorted(b"%d" % number for number in range(1000) if number != 500)
        assert broker.dropped_at_limit() == {"q": 1}
        channel.cancel()
        assert waiting(broker) == 0


def test_a_classic_queue_has_no_limit() -> None:
    """Only quorum queues count, and only their deliveries have the header."""
    with running(rabbitmq("4.0")) as broker:
        channel = connect(broker)
        channel.queue_declare("q", durable=True)
        channel.basic_publish("", "q", b"1")
        for _ in range(30):
            method, properties, _ = channel.basic_get("q")
            assert properties.headers is None
            channel.basic_nack(method.delivery_tag, requeue=True)
        assert waiting(broker) == 1


def test_a_restart_keeps_the_counts() -> None:
    """What came back before a restart of the broker counts after it; the restart itself is a return, too."""
    with running(rabbitmq("4.0", delivery_limit=2)) as broker:
        fill(broker)
        return_once(broker, "nack")
        channel = connect(broker)
        assert channel.basic_get("q")[2] == b"0"
        broker.suspend(keep="durable", abruptly=True)
        broker.resume()
        assert return_once(broker, "nack") == {"x-delivery-count": 2}
        assert broker.dropped_at_limit() == {"q": 1}


def test_transient_queues_are_refused() -> None:
    """A queue that is neither durable nor exclusive ends the connection with 541; all others can be declared."""
    with running(rabbitmq("4.3")) as broker:
        channel = connect(broker)
        channel.queue_declare("exclusive", exclusive=True)
        channel.queue_declare("durable", durable=True)
        channel.queue_declare("durable", durable=True, passive=True)
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
            channel.queue_declare("transient")
        assert (caught.value.reply_code, "transient_nonexcl_queues" in caught.value.reply_text) == (541, True)
        assert broker.call(lambda state: set(state.vhost.queues)) == {"durable"}


@pytest.mark.parametrize("rule", ["applied", "ignored", "refused"])
def test_global_qos(rule: str) -> None:
    """A prefetch count for a whole channel is applied, answered without effect, or ends the connection."""
    with running(rabbitmq("4.3", global_qos=rule)) as broker:
        fill(broker, 3)
        channel = connect(broker)
        if rule == "refused":
            with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
                channel.basic_qos(prefetch_count=1, global_qos=True)
            assert (caught.value.reply_code, "global_qos" in caught.value.reply_text) == (541, True)
            return
        channel.basic_qos(prefetch_count=1, global_qos=True)
        channel.basic_consume("q", lambda *_: None)
        channel.connection.process_data_events(0.2)
        assert waiting(broker) == (2 if rule == "applied" else 0)


def test_what_is_announced() -> None:
    """Product and version are RabbitMQ's with its rules, and the embedded broker's own name without."""
    announced = []
    for rules in (Compatibility(), rabbitmq("4.2"), Compatibility(version="7.1")):
        with (
            running(rules) as broker,
            pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port)) as connection,
        ):
            properties = connection._impl.server_properties
            announced.append((properties["product"], properties.get("version")))
    own = "dripline embedded broker"
    assert announced == [(own, None), ("RabbitMQ", "4.2.5"), (own, "7.1")]


@pytest.mark.parametrize(
    ("version", "frame_max", "accepted"),
    [("4.0", 4095, False), ("4.0", 4096, True), ("4.1", 8191, False), ("4.1", 8192, True), ("4.3", 0, True)],
)
def test_the_least_frame_size(version: str, frame_max: int, accepted: bool) -> None:
    """A client that replies with less than the least frame size is refused with 530: 4096, or 8192 since 4.1."""
    with running(rabbitmq(version)) as broker:
        parameters = pika.ConnectionParameters(broker.host, broker.port)
        parameters._frame_max = frame_max or 131072  # pika itself refuses what is below 4096
        if accepted:
            pika.BlockingConnection(parameters).close()
            return
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            pika.BlockingConnection(parameters)


def test_the_frame_size_proposed_is_kept() -> None:
    """With 8192 bytes proposed, a body of a megabyte passes both ways in frames of that size."""
    with running(rabbitmq("4.1", frame_max=8192)) as broker:
        channel = fill(broker)
        channel.queue_purge("q")
        body = bytes(range(256)) * 4096
        channel.basic_publish("", "q", body)
        assert channel.basic_get("q")[2] == body
        assert broker.call(lambda state: {each.frame_max for each in state.connections}) == {8192}


def test_rules_of_an_unknown_version() -> None:
    """There are rules for some versions only; the error names them."""
    with pytest.raises(ValueError, match=r"'5\.0'.* 4\.3"):
        rabbitmq("5.0")


# -- consumer timeout


def consume(channel: BlockingChannel) -> list[bytes]:
    """Consume and acknowledge nothing."""
    got: list[bytes] = []
    channel.basic_consume("q", lambda _channel, _method, _properties, body: got.append(body))
    return got


def await_end(channel: BlockingChannel, over: Callable[[], object]) -> None:
    """Let a client handle what comes until something is the case."""
    assert eventually(lambda: channel.connection.process_data_events(0.01) or over())


def closing_code(channel: BlockingChannel) -> int:
    """Wait until the broker closes a channel; with which code."""
    codes: list[int] = []
    channel._impl.add_on_close_callback(lambda _channel, reason: codes.append(reason.reply_code))
    await_end(channel, lambda: codes)
    return codes[0]


def test_a_consumer_timeout_cancels_the_consumer() -> None:
    """4.3: the client gets basic.cancel, its messages return uncounted, late acknowledgements are ignored."""
    with running(rabbitmq("4.3", consumer_timeout_s=0.2)) as broker:
        channel = fill(broker, 2)
        cancelled: list[object] = []
        channel.add_on_cancel_callback(cancelled.append)
        got = consume(channel)
        await_end(channel, lambda: cancelled)
        assert got == [b"0", b"1"]
        assert waiting(broker) == 2
        channel.basic_ack(1)
        channel.basic_nack(2, requeue=True)
        assert waiting(broker) == 2  # and the channel is open
        method, properties, body = channel.basic_get("q")
        assert (body, properties.headers) == (b"0", {"x-delivery-count": 0, "x-acquired-count": 1})
        channel.basic_ack(method.delivery_tag)
        assert channel.queue_declare("q", passive=True).method.message_count == 1


def test_a_consumer_timeout_concerns_one_consumer() -> None:
    """4.3: another consumer of the channel goes on, and takes what returns."""
    with running(rabbitmq("4.3", consumer_timeout_s=0.3)) as broker:
        channel = fill(broker, 1)
        cancelled: list[object] = []
        channel.add_on_cancel_callback(cancelled.append)
        consume(channel)
        await_end(channel, lambda: waiting(broker) == 0)
        got: list[bytes] = []

        def take(channel: BlockingChannel, method: pika.spec.Basic.Deliver, _: object, body: bytes) -> None:
            got.append(body)
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume("q", take)
        await_end(channel, lambda: cancelled and got)
        assert (len(cancelled), got) == (1, [b"0"])


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_a_consumer_timeout_closes_the_channel(kind: str) -> None:
    """Up to 4.2: the channel ends with 406 for queues of all types; what it held returns, which counts."""
    with running(rabbitmq("4.0", consumer_timeout_s=0.2)) as broker:
        channel = connect(broker)
        channel.queue_declare("q", durable=True, arguments={"x-queue-type": kind})
        channel.basic_publish("", "q", b"0")
        consume(channel)
        assert closing_code(channel) == 406
        method, properties, _ = connect(broker).basic_get("q")
        assert method.redelivered
        assert properties.headers == ({"x-delivery-count": 1} if kind == "quorum" else None)


def test_in_4_3_a_classic_queue_has_no_consumer_timeout() -> None:
    """Its messages stay with the consumer."""
    with running(rabbitmq("4.3", consumer_timeout_s=0.1)) as broker:
        channel = connect(broker)
        channel.queue_declare("q", durable=True)
        channel.basic_publish("", "q", b"0")
        got = consume(channel)
        await_end(channel, lambda: got)
        time.sleep(0.5)
        channel.connection.process_data_events(0)
        assert channel.is_open
        assert waiting(broker) == 0


@pytest.mark.parametrize("by", ["basic.get", "client without consumer_cancel_notify"])
def test_without_a_consumer_to_cancel_the_channel_is_closed(by: str) -> None:
    """4.3: what basic.get took has no consumer, and some clients take no basic.cancel: 406 for both."""
    with running(rabbitmq("4.3", consumer_timeout_s=0.2)) as broker:
        fill(broker)
        channel = connect(broker)
        if by == "basic.get":
            channel.basic_get("q")
        else:
            channel = connect(broker, client_properties={"capabilities": {"consumer_cancel_notify": False}})
            consume(channel)
        assert closing_code(channel) == 406
        assert waiting(broker) == 1


def test_who_acknowledges_in_time_is_not_disturbed() -> None:
    """A consumer that acknowledges each delivery in time outlives many timeouts."""
    with running(rabbitmq("4.0", consumer_timeout_s=1)) as broker:
        channel = fill(broker, 20)
        for _ in range(20):
            method, _, _ = channel.basic_get("q")
            channel.connection.process_data_events(0.1)
            channel.basic_ack(method.delivery_tag)
        assert channel.is_open
        assert waiting(broker) == 0
