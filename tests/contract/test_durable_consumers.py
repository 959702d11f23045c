"""Consumers that miss nothing while they are away, on both brokers."""

from __future__ import annotations

import logging

import pika.exceptions
import pytest
from support.waiting import eventually

from dripline.core import AlertConsumer, MsgAlert, Service
from dripline.errors import BrokerError

from .meshes import fresh_mesh, serving


class Collector(AlertConsumer):
    """Keeps the numbers that come."""

    def __init__(self, **kwargs):
        self.seen = []
        AlertConsumer.__init__(self, alert_keys=["sensor_value.#"], heartbeat_interval_s=0, durable=True, **kwargs)

    def on_alert_message(self, an_alert):
        """Keep one."""
        self.seen.append(an_alert.plain_payload)


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own; what a durable consumer leaves behind is taken away."""
    with fresh_mesh(broker, durable=["collector"]) as mesh:
        yield mesh


def collector(mesh):
    """The consumer, as it starts each time."""
    return Collector(name=mesh.name("collector"), **mesh.login)


def send(source, numbers):
    """Alerts with numbers."""
    for number in numbers:
        assert source.send(MsgAlert.create(number, "sensor_value.x")).successful_send


def test_what_comes_while_it_is_away_is_collected(mesh):
    """In order, and each once."""
    with serving(Service(mesh.name("source"), **mesh.login)) as source:
        with serving(collector(mesh)) as first:
            send(source, range(10))
            assert eventually(lambda: first.seen == list(range(10)))
        send(source, range(10, 500))
        with serving(collector(mesh)) as second:
            send(source, range(500, 510))
            assert eventually(lambda: len(second.seen) >= 500)
    assert second.seen == list(range(10, 510))


def test_an_ordinary_request_reaches_it_too(mesh):
    """Its own queue is as exclusive as that of any service."""
    with serving(collector(mesh)) as service, serving(Service(mesh.name("asker"), **mesh.login)) as asker:
        asker.cmd(service.name, "ping", timeout_s=20)


def test_its_queue_is_reached_again_when_a_restart_of_the_broker_took_the_binding(mesh):
    """Who sends alerts on a new connection puts it back, whether the consumer is there or not."""
    durable = f"{mesh.alerts}.durable"
    with serving(collector(mesh)):
        pass
    with mesh.pika() as connection:
        connection.channel().exchange_unbind(durable, mesh.alerts, "#")
    with serving(Service(mesh.name("source"), **mesh.login)) as source:
        send(source, range(10))
    with serving(collector(mesh)) as second:
        assert eventually(lambda: len(second.seen) >= 10)
        with serving(Service(mesh.name("source"), **mesh.login)) as source:
            send(source, range(10, 20))
            assert eventually(lambda: len(second.seen) >= 20)
    assert second.seen == list(range(20)), "each once, though there are two ways"


def test_a_mesh_without_durable_consumers_has_no_more_exchanges(mesh, caplog):
    """Senders look once on each connection, and say nothing."""
    with serving(Service(mesh.name("source"), **mesh.login)) as source, caplog.at_level(logging.INFO):
        send(source, range(10))
        assert source.cmd(source.name, "ping", timeout_s=20) is None, "it is connected still"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with mesh.pika() as connection, pytest.raises(pika.exceptions.ChannelClosedByBroker):
        connection.channel().exchange_declare(f"{mesh.alerts}.durable", passive=True)


def test_an_exchange_that_is_not_ours_stops_nobody(mesh):
    """Only a consumer that needs it says so."""
    with mesh.pika() as connection:
        connection.channel().exchange_declare(f"{mesh.alerts}.durable", "fanout")
        with serving(Service(mesh.name("source"), **mesh.login)) as source:
            send(source, range(10))
        with pytest.raises(BrokerError, match=r"refused.*\.durable"):
            collector(mesh).start()


def test_an_alert_in_many_chunks_is_handled_and_acknowledged(mesh):
    """More of them than are held, and than the prefetch is."""
    settings = {**mesh.settings, "max_payload_size": 100}
    login = {**mesh.login, "dripline_mesh": settings}
    with (
        serving(Service(mesh.name("source"), **login)) as source,
        serving(Collector(name=mesh.name("collector"), **login)) as service,
    ):
        send(source, ["x" * 250_000, "y" * 30_000, "z"])
        assert eventually(lambda: [len(text) for text in service.seen] == [250_000, 30_000, 1])
    with mesh.pika() as connection:
        channel, name = connection.channel(), f"{mesh.name('collector')}.alerts"
        # A quorum queue of RabbitMQ applies acknowledgements after the connection has been closed.
        assert eventually(lambda: channel.queue_declare(name, passive=True).method.message_count == 0)
