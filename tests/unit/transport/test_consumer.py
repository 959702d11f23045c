"""Consumers that are paused, resumed and renewed, and cancelled by the broker, against a scripted broker."""

import contextlib
import threading

import pytest
from amqp.conftest import deliver
from pika import spec
from support.fake_broker import FakeBroker
from support.waiting import eventually

from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.transport.consumer import DurableConsumer

pytestmark = pytest.mark.usefixtures("no_leaks")


@contextlib.contextmanager
def connected(fake, **arguments):
    """A connection to a broker."""
    connection = Connection(BrokerAddress(fake.host, fake.port), **arguments)
    connection.open()
    try:
        yield connection
    finally:
        connection.close()


class Events:
    """What a durable consumer reports."""

    def __init__(self):
        self.came, self.stopped, self.restarted = [], [], []


def consuming(connection, events, prefetch=7, longest_body=2_000_000):
    """A durable consumer at work."""
    consumer = DurableConsumer(
        connection, "x", events.came.append, longest_body=longest_body,
        on_stopped=lambda: events.stopped.append(1), on_restarted=lambda: events.restarted.append(1),
    )  # fmt: skip
    connection.consume_durably(consumer, prefetch)
    return consumer


@pytest.fixture
def events():
    """What is reported."""
    return Events()


def test_a_consumer_that_times_out_consumes_again():
    """RabbitMQ 4.3 cancels only the consumer; the connection stays, and so does what can be acknowledged."""
    came, lost = [], []
    with FakeBroker() as fake, connected(fake, on_lost=lost.append) as connection:
        connection.consume("x", came.append)
        first = fake.wait_for(spec.Basic.Consume).method
        fake.send_bytes(deliver(tag=first.consumer_tag, number=1))
        assert eventually(lambda: came)
        fake.send(spec.Basic.Cancel(first.consumer_tag, True), channel=1)
        second = fake.wait_for(spec.Basic.Consume).method
        assert (second.queue, second.consumer_tag != first.consumer_tag) == ("x", True)
        fake.send_bytes(deliver(tag=second.consumer_tag, number=2))
        assert eventually(lambda: len(came) == 2)
        connection.ack(*came)
        assert [fake.wait_for(spec.Basic.Ack).method.delivery_tag for _ in came] == [1, 2]
    assert not lost


def test_a_durable_consumer_that_times_out_gets_everything_again(events, caplog):
    """Its channel is closed: its deliveries are no longer acknowledged, since the broker repeats them."""
    lost = []
    with FakeBroker() as fake, connected(fake, on_lost=lost.append) as connection:
        consuming(connection, events)
        value = fake.wait_for(spec.Basic.Consume)
        fake.send_bytes(deliver(tag=value.method.consumer_tag, number=1, channel=value.channel_number))
        assert eventually(lambda: events.came)
        fake.send(spec.Basic.Cancel(value.method.consumer_tag, True), channel=value.channel_number)
        fake.wait_for(spec.Channel.Close)
        again = fake.wait_for(spec.Basic.Consume)
        assert not connection.can_settle(events.came[0])
        fake.send_bytes(deliver(tag=again.method.consumer_tag, number=5, channel=again.channel_number))
        assert eventually(lambda: len(events.came) == 2)
        connection.ack(*events.came)
        assert fake.wait_for(spec.Basic.Ack).method.delivery_tag == 5
        assert connection.is_open
    assert (events.restarted, lost) == ([1], [])
    assert "still exists; consuming again" in caplog.text


def test_a_durable_consumer_whose_queue_is_gone_ends_the_connection(events):
    """With the next one the queue is declared again."""

    def refuse(method):
        return (404, "NOT_FOUND") if isinstance(method, spec.Queue.Declare) and method.passive else None

    lost = []
    with FakeBroker(refuse=refuse) as fake, connected(fake, on_lost=lost.append) as connection:
        consuming(connection, events)
        value = fake.wait_for(spec.Basic.Consume)
        fake.send(spec.Basic.Cancel(value.method.consumer_tag, True), channel=value.channel_number)
        assert eventually(lambda: lost)
        assert "queue was deleted" in str(lost[0])


def test_a_durable_consumer_is_stopped_widened_and_started_again(events):
    """On a channel of its own each time; what has come can be acknowledged until it is closed."""
    with FakeBroker() as fake, connected(fake) as connection:
        consumer = consuming(connection, events)
        assert fake.wait_for(spec.Basic.Qos).method.prefetch_count == 7
        first = fake.wait_for(spec.Basic.Consume)
        assert first.channel_number != 1, "requests have their own"
        connection.on_io_thread(lambda: consumer.add(5))
        assert fake.wait_for(spec.Basic.Qos).method.prefetch_count == 5
        fake.wait_for(spec.Basic.Consume)
        connection.on_io_thread(consumer.stop)
        for _ in range(2):
            fake.wait_for(spec.Basic.Cancel)
        assert eventually(lambda: events.stopped == [1])
        connection.on_io_thread(lambda: consumer.restart(3))
        assert fake.wait_for(spec.Channel.Close).channel_number == first.channel_number
        assert fake.wait_for(spec.Basic.Qos).method.prefetch_count == 3
        fake.wait_for(spec.Basic.Consume)
        connection.cancel_consumers()
        fake.wait_for(spec.Basic.Cancel)
        assert not connection.is_listening


def test_no_consumer_starts_again_once_all_are_to_end(events):
    """However it crosses with what is under way."""
    with FakeBroker() as fake, connected(fake) as connection:
        consumer = consuming(connection, events)
        fake.wait_for(spec.Basic.Consume)
        connection.on_io_thread(lambda: consumer.restart(3))
        connection.cancel_consumers()
        threading.Event().wait(0.2)
        kinds = []
        while not fake.frames.empty():
            kinds.append(type(getattr(fake.frames.get(), "method", None)))
        assert spec.Basic.Consume not in kinds


def test_quality_of_service_is_never_global(events):
    """RabbitMQ 4 refuses that; and what is returned does not count as failed."""
    with FakeBroker() as fake, connected(fake) as connection:
        consuming(connection, events)
        assert not fake.wait_for(spec.Basic.Qos).method.global_qos
        value = fake.wait_for(spec.Basic.Consume)
        fake.send_bytes(deliver(tag=value.method.consumer_tag, number=9, channel=value.channel_number))
        assert eventually(lambda: events.came)
        connection.give_back(*events.came)
        returned = fake.wait_for(spec.Basic.Nack)
        method = returned.method
        assert (method.delivery_tag, method.requeue, method.multiple) == (9, True, False)
        assert returned.channel_number == value.channel_number


def test_a_consumer_may_take_only_the_beginning_of_a_long_body(events):
    """So that a message that is too long for it costs no memory, and does not end the connection."""
    with FakeBroker() as fake, connected(fake) as connection:
        consuming(connection, events)
        value = fake.wait_for(spec.Basic.Consume)
        for size in (1_999_999, 2_000_000, 2_000_001, 3_500_000):
            fake.send_bytes(deliver(b"x" * size, tag=value.method.consumer_tag, channel=value.channel_number))
        assert eventually(lambda: len(events.came) == 4)
    assert [len(delivery.body) for delivery in events.came] == [1_999_999, 2_000_000, 1 << 20, 1 << 20]
    assert [getattr(delivery.body, "size", 0) for delivery in events.came] == [0, 0, 2_000_001, 3_500_000]
