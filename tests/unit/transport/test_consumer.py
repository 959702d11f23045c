"""Consumers that are paused, resumed and renewed, and cancelled by the broker, against a scripted broker."""

import contextlib
import threading

import pytest
from pika import spec
from support.fake_broker import FakeBroker
from support.waiting import eventually

from dripline.transport import BrokerAddress, Connection

from .conftest import deliver

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


def consuming(connection, on_delivery=print, **settings):
    """A consumer at work."""
    return connection.add_consumer(connection.new_consumer("x", on_delivery, **settings))


def test_a_consumer_that_times_out_consumes_again():
    """RabbitMQ 4.3 cancels only the consumer; the connection stays, and so does what can be acknowledged."""
    came, lost = [], []
    with FakeBroker() as fake, connected(fake, on_lost=lost.append) as connection:
        consumer = consuming(connection, came.append, prefetch=7)
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
        assert consumer.tag == second.consumer_tag
    assert not lost


def test_a_consumer_that_is_paused_when_it_times_out_stays_paused():
    """Until it is resumed."""
    with FakeBroker() as fake, connected(fake) as connection:
        consumer = consuming(connection)
        fake.wait_for(spec.Basic.Consume)
        connection.on_io_thread(consumer.pause)
        fake.wait_for(spec.Basic.Cancel)
        assert eventually(lambda: not consumer.tag)
        connection.on_io_thread(lambda: consumer.resume(3))
        assert fake.wait_for(spec.Basic.Qos).method.prefetch_count == 3
        fake.wait_for(spec.Basic.Consume)


def test_what_is_wanted_last_counts():
    """However often it changes while the broker has not answered."""
    with FakeBroker() as fake, connected(fake) as connection:
        consumer = consuming(connection)
        steps = [consumer.pause, lambda: consumer.resume(5), consumer.pause, lambda: consumer.resume(6)] * 20
        for step in steps:
            connection.on_io_thread(step)
        done = threading.Event()
        connection.on_io_thread(lambda: consumer.resume(6, lambda _: done.set()))
        assert done.wait(30)
        assert consumer.tag


def test_a_consumer_is_renewed_with_another_prefetch_count():
    """By ending it and starting it again; each time it has a new tag, for which nothing is unacknowledged."""
    started = []
    with FakeBroker() as fake, connected(fake) as connection:
        consumer = consuming(connection, prefetch=1, on_started=lambda: started.append(1))
        tags = {fake.wait_for(spec.Basic.Consume).method.consumer_tag}
        for prefetch in (2, 4, 8):
            connection.on_io_thread(lambda prefetch=prefetch: consumer.renew(prefetch))
            fake.wait_for(spec.Basic.Cancel)
            assert fake.wait_for(spec.Basic.Qos).method.prefetch_count == prefetch
            tags.add(fake.wait_for(spec.Basic.Consume).method.consumer_tag)
        assert (len(tags), len(started)) == (4, 4)


def test_quality_of_service_is_never_global():
    """RabbitMQ 4 refuses that; and methods that return messages are those that do not count as failures."""
    came = []
    with FakeBroker() as fake, connected(fake) as connection:
        consuming(connection, came.append)
        assert not fake.wait_for(spec.Basic.Qos).method.global_qos
        tag = fake.wait_for(spec.Basic.Consume).method.consumer_tag
        fake.send_bytes(deliver(tag=tag, number=9))
        assert eventually(lambda: came)
        connection.give_back(*came)
        returned = fake.wait_for(spec.Basic.Nack).method
        assert (returned.delivery_tag, returned.requeue, returned.multiple) == (9, True, False)


def test_a_consumer_may_take_only_the_beginning_of_a_long_body():
    """So that a message that is too long for it costs no memory, and does not end the connection."""
    came = []
    with FakeBroker() as fake, connected(fake) as connection:
        consuming(connection, came.append, longest_body=2_000_000)
        tag = fake.wait_for(spec.Basic.Consume).method.consumer_tag
        for size in (1_999_999, 2_000_000, 2_000_001, 3_500_000):
            fake.send_bytes(deliver(b"x" * size, tag=tag))
        assert eventually(lambda: len(came) == 4)
    assert [len(delivery.body) for delivery in came] == [1_999_999, 2_000_000, 1 << 20, 1 << 20]
    assert [getattr(delivery.body, "size", 0) for delivery in came] == [0, 0, 2_000_001, 3_500_000]
