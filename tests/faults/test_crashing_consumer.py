"""Durable consumers that crash again and again on the same messages: none of these is dropped.

The full counts are run with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from contract.meshes import fresh_mesh, serving
from reports import FULL, report
from support.logger_process import LoggerProcess
from support.waiting import eventually

from dripline.broker import EmbeddedBroker, rabbitmq
from dripline.core import AlertConsumer, MsgAlert, Service
from dripline.transport.address import BrokerAddress

CRASHES = 25  # RabbitMQ 4 drops messages after 20 deliveries unless the queue says otherwise
KILLS = CRASHES if FULL else 3
COUNT = 200


@pytest.fixture(
    params=["embedded", "rabbitmq", "embedded, rules of RabbitMQ 4.0", "embedded, rules of RabbitMQ 4.3"]
)
def broker(request) -> Iterator[BrokerAddress]:
    """Both brokers, and the rules of RabbitMQ 4, which drops messages of quorum queues after 20 deliveries."""
    *_, version = request.param.split()
    if version in ("embedded", "rabbitmq"):
        yield request.getfixturevalue(version)
        return
    with EmbeddedBroker(port=0, compatibility=rabbitmq(version)) as broker:
        yield BrokerAddress(broker.host, broker.port)
        assert broker.dropped_at_limit() == {}


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker, durable=["consumer", "logger"]) as mesh:
        yield mesh


class Relay(AlertConsumer):
    """Hangs at its first alert, or keeps all of them."""

    def __init__(self, mesh, hangs):
        self.seen, self.reached, self.end = [], threading.Event(), threading.Event()
        self._hangs = hangs
        AlertConsumer.__init__(
            self, name=mesh.name("consumer"), alert_keys=["sensor_value.#"], durable=True, heartbeat_interval_s=0,
            stop_grace_s=0.1, **mesh.login,
        )  # fmt: skip

    def on_alert_message(self, an_alert):
        """Take one."""
        self.reached.set()
        if self._hangs:
            self.end.wait(60)
        self.seen.append(an_alert.plain_payload)

    def crash(self):
        """Leave as a process does that is killed: the socket is closed, and nothing is acknowledged."""
        assert self.reached.wait(60)
        assert eventually(self._dripline_is_ready)
        loop = self._Service__link.connection_now._pika.loop
        loop.call_soon(loop.abort)
        self.stop()
        self.end.set()


def send(mesh, count):
    """Send alerts, and wait until the broker has confirmed them."""
    with serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source:
        for number in range(count):
            assert source.send(MsgAlert.create(number, "sensor_value.number")).successful_send


def test_a_consumer_that_crashes_25_times_on_the_same_alerts_misses_none(mesh, request):
    """They come again each time, in order, and to the one that does not crash."""
    with serving(Relay(mesh, hangs=False)):
        pass
    send(mesh, COUNT)
    for _ in range(CRASHES):
        relay = Relay(mesh, hangs=True)
        relay.start()
        relay.crash()
    with serving(Relay(mesh, hangs=False)) as relay:
        assert eventually(lambda: len(relay.seen) >= COUNT, 60)
    report("crashes of a durable consumer", request.node.callspec.id, crashes=CRASHES, sent=COUNT, handled=COUNT)
    assert sorted(relay.seen) == list(range(COUNT))


def test_a_logger_that_is_killed_on_the_same_alerts_misses_none(mesh, tmp_path, request):
    """SIGKILL while its rows wait for each other, unacknowledged; then it goes on, and all of them are there."""
    waiting = LoggerProcess(mesh, tmp_path, batch_age_s=600, batch_rows=10 * COUNT, memory_rows=20 * COUNT)
    waiting.start()
    waiting.end()
    send(mesh, COUNT)
    for _ in range(KILLS):
        waiting.start()
        waiting.wait_for_rows_in_memory(COUNT)
        waiting.end()
    assert waiting.numbers() == []
    logger = LoggerProcess(mesh, tmp_path)
    logger.start()
    try:
        assert eventually(lambda: logger.count() >= COUNT, 60), logger.log
    finally:
        logger.end(signal.SIGTERM)
    rows = logger.numbers()
    report("SIGKILL with rows in memory", request.node.callspec.id, kills=KILLS, sent=COUNT, rows=len(rows))
    assert sorted(rows) == list(range(COUNT))
