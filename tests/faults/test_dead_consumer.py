"""A durable consumer that is dead while more breaks: the broker is restarted, or an alert is only half there.

``DRIPLINE_TEST_FULL=1`` restarts the broker ten times.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
from contract.meshes import Mesh, fresh_mesh, serving
from reports import FULL, report
from support.traffic import ALERT_KEY, Listener, Sender, all_came
from support.waiting import eventually

from dripline.core import Interface, MsgAlert, Service
from dripline.errors import DriplineError
from dripline.runtime.link import timestamp
from dripline.wire.codec import Encoder, Envelope
from dripline.wire.sender import sender_info

TIMES = 10 if FULL else 2
RATE = 1000 if FULL else 200
IN_HAND = 1100  # most that the broker has sent to a consumer that ends: its prefetch
PATIENCE_S = 300.0  # the machine may be busy with other tests


@pytest.mark.timeout(600 + 60 * TIMES)
def test_the_broker_is_restarted_while_a_durable_consumer_is_dead(restarting, restarting_mesh, request) -> None:
    """Whoever sends leads its alerts to the consumer's queue again: nothing is missing, all is in order.

    But for what RabbitMQ had sent to a consumer that ended: it learns of the end some time after its restart, and
    gives the next one newer alerts meanwhile, as many as there are.
    """
    mesh = restarting_mesh
    heard: Counter[int] = Counter()
    in_hand: set[int] = set()

    def listener() -> Listener:
        """The consumer, as it starts each time; all of them count together."""
        listener = Listener(name=mesh.name("durable"), durable=True, **mesh.login)
        listener.heard = heard
        newest = max(heard, default=-1)
        in_hand.update(range(newest + 1, newest + 1 + IN_HAND))
        return listener

    service = Service(mesh.name("service"), alert_spool={"in_memory": 10**6}, **mesh.login)
    with serving(service), Interface(**mesh.login) as client:
        sender = Sender(service, RATE)
        with serving(listener()):
            sender.start()
            assert eventually(lambda: heard, PATIENCE_S)
        for _ in range(TIMES):
            before = sender.sent
            restarting.restart()
            assert eventually(lambda before=before: sender.sent > before + RATE, PATIENCE_S)
            assert eventually(lambda: nothing_waits(client, service), PATIENCE_S), "it does not come back"
            with serving(listener()):
                assert all_came(heard, sender.sent, PATIENCE_S)
        count = sender.end()
        with serving(listener()):
            all_came(heard, count, PATIENCE_S)
    missing = [number for number in range(count) if number not in heard]
    report(
        "broker restarted while a durable consumer is dead",
        request.node.callspec.id,
        times=TIMES,
        sent=count,
        a_second=round(sender.reached_rate),
        missing=len(missing),
        twice=heard.total() - len(heard),
    )
    assert missing == []
    others = [number for number in heard if number not in in_hand]
    assert others == sorted(others)


def nothing_waits(client: Interface, service: Service) -> bool:
    """Whether it is back, and no alert waits for the broker."""
    try:
        return bool(client.get(service.name, specifier="health", timeout_s=5)["waiting_alerts"] == 0)
    except DriplineError:
        return False


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker, durable=["durable"]) as mesh:
        yield mesh


class Hearer:
    """A durable consumer in a process of its own, which writes down how long the texts are that it hears."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        self._file = folder / "heard"
        self._file.touch()
        arguments = {"name": mesh.name("durable"), "durable": True, "alert_keys": [ALERT_KEY], **mesh.login}
        self._program = (
            "from dripline.core import AlertConsumer\n"
            "class Hearer(AlertConsumer):\n"
            "    def on_alert_message(self, an_alert):\n"
            f"        with open({str(self._file)!r}, 'a') as file:\n"
            "            print(len(an_alert.plain_payload), file=file)\n"
            f"Hearer(**{arguments!r}).run()\n"
        )

    @property
    def heard(self) -> list[int]:
        """How long they were."""
        return [int(line) for line in self._file.read_text().splitlines()]

    @contextmanager
    def alive(self, number: int) -> Iterator[None]:
        """Run it, and end it with a signal."""
        process = subprocess.Popen([sys.executable, "-c", self._program])
        try:
            yield
        finally:
            process.send_signal(number)
            process.wait(60)


def test_a_consumer_killed_between_two_chunks_hears_the_alert(mesh, tmp_path):
    """The first chunk is not acknowledged before the alert is handled, so it comes again."""
    hearer = Hearer(mesh, tmp_path)
    first, *others = chunks("x" * 25_000)
    with mesh.pika() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with hearer.alive(signal.SIGKILL):
            assert eventually(lambda: is_there(mesh), PATIENCE_S)
            publish(channel, mesh, first, *chunks("marker"))
            assert eventually(lambda: hearer.heard == [6], PATIENCE_S), "then it has the first chunk, too"
        publish(channel, mesh, *others)
        with hearer.alive(signal.SIGTERM):
            assert eventually(lambda: 25_000 in hearer.heard, PATIENCE_S)
            assert eventually(lambda: waiting(mesh) == 0, PATIENCE_S)
    assert waiting(mesh) == 0, "all is acknowledged"


def chunks(text: str) -> list[Envelope]:
    """An alert as it is sent."""
    return Encoder(sender_info("source")).encode(MsgAlert.create(text, ALERT_KEY), timestamp())


def publish(channel: Any, mesh: Mesh, *envelopes: Envelope) -> None:
    """Send chunks of alerts."""
    for key, properties, body in envelopes:
        parsed = pika.BasicProperties()
        parsed.decode(properties)
        channel.basic_publish(mesh.alerts, key, body, parsed)


def waiting(mesh: Mesh) -> int:
    """How many messages the consumer's queue holds that nobody has taken."""
    with mesh.pika() as connection:
        queue = connection.channel().queue_declare(f"{mesh.name('durable')}.alerts", passive=True)
        return int(queue.method.message_count)


def is_there(mesh: Mesh) -> bool:
    """Whether the consumer consumes."""
    try:
        with mesh.pika() as connection:
            queue = connection.channel().queue_declare(f"{mesh.name('durable')}.alerts", passive=True)
            return bool(queue.method.consumer_count)
    except pika.exceptions.ChannelClosedByBroker:
        return False
