"""Long alerts whose chunks arrive mixed up, more of them than memory and prefetch counts hold.

The full counts are run with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import time

import pytest
from contract.meshes import fresh_mesh, serving
from reports import FULL, report
from support.waiting import eventually

from dripline.core import AlertConsumer, MsgAlert, Service

CHUNK = 100
# RabbitMQ applies many acknowledgements in its own time; those not applied when a connection ends are void.
SETTLING_S = 10 if FULL else 1
ALERTS = 90 if FULL else 30
# Of each alert. In all, the full counts are above AMQP's largest prefetch count on the embedded broker. RabbitMQ
# takes the longer for an acknowledgement the more messages are not acknowledged.
CHUNKS = {"embedded": 800, "rabbitmq": 200} if FULL else {"embedded": 100, "rabbitmq": 100}


class Relay(AlertConsumer):
    """Keeps what it takes to compare."""

    def __init__(self, mesh):
        self.seen = []
        AlertConsumer.__init__(
            self, name=mesh.name("consumer"), alert_keys=["sensor_value.#"], durable=True, heartbeat_interval_s=0,
            memory_mb=1, **mesh.login,
        )  # fmt: skip

    def on_alert_message(self, an_alert):
        """Take one."""
        number, text = an_alert.plain_payload
        self.seen.append((number, len(text)))


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own, with small chunks."""
    with fresh_mesh(broker, durable=["consumer"], max_payload_size=CHUNK) as mesh:
        yield mesh


def test_alerts_whose_chunks_are_interleaved_are_all_handled(mesh, request):
    """None is complete before the first chunks of all others are here; all are acknowledged in the end."""
    length = CHUNK * CHUNKS[request.node.callspec.id] - 50
    with serving(Relay(mesh)) as relay:
        with serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source:
            link = source._Service__link._link
            packed = [
                link.pack_alert(MsgAlert.create([number, "x" * length], "sensor_value.x"))
                for number in range(ALERTS)
            ]
            for envelopes in zip(*packed, strict=True):
                for envelope in envelopes:
                    link.connection.publish_confirmed(mesh.alerts, [envelope])
            assert link.connection.wait_for_confirms(60)
        assert eventually(lambda: len(relay.seen) >= ALERTS, 120)
        time.sleep(SETTLING_S)
        health = relay._Service__health.report()
    with mesh.pika() as connection:
        left = (
            connection.channel()
            .queue_declare(f"{mesh.name('consumer')}.alerts", passive=True)
            .method.message_count
        )
    report(
        "interleaved chunks", request.node.callspec.id, alerts=ALERTS, chunks=len(packed[0]) * ALERTS,
        handled=len(relay.seen), left=left,
    )  # fmt: skip
    assert relay.seen == [(number, length) for number in range(ALERTS)]
    assert (left, health["dead_letters"]) == (0, 0)
