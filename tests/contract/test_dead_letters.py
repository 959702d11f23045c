"""What becomes of messages that can never be handled, on both brokers."""

from __future__ import annotations

import json

import pika
import pytest
from support.waiting import eventually

from dripline.core import AlertConsumer, Interface, MsgAlert, Service

from .meshes import fresh_mesh, serving


class Relay(AlertConsumer):
    """Keeps what comes, and fails at some of it."""

    def __init__(self, **kwargs):
        self.seen = []
        AlertConsumer.__init__(self, alert_keys=["sensor_value.#"], heartbeat_interval_s=0, **kwargs)

    def on_alert_message(self, an_alert):
        """Take one."""
        if an_alert.plain_payload == "fail":
            raise KeyError("no such thing")
        self.seen.append(an_alert.plain_payload)


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own; what a durable consumer leaves behind is taken away."""
    with fresh_mesh(broker, durable=["relay"]) as mesh:
        yield mesh


@pytest.fixture
def file(tmp_path):
    """Where dead letters are written."""
    return tmp_path / "dead.jsonl"


def publish(mesh, body, message_id="id/0/1", headers=None):
    """Publish anything as an alert."""
    with mesh.pika() as connection:
        properties = pika.BasicProperties(message_id=message_id, headers=headers)
        connection.channel().basic_publish(mesh.alerts, "sensor_value.x", body, properties)


ALERT = {"message_type": 4, "specifier": "", "timestamp": "", "sender_info": {}}


def test_a_durable_consumer_keeps_what_it_can_never_handle(mesh, file, monkeypatch):
    """On disk, with the reason; the queue is empty then, and what can be handled is handled."""
    monkeypatch.setattr("dripline.runtime.alert_collector._CHUNK_WAIT_S", 0.2)
    relay = Relay(
        name=mesh.name("relay"), durable=True, dead_letter_file=str(file), message_wait_ms=200, **mesh.login
    )
    with serving(relay), serving(Service(mesh.name("source"), **mesh.login)) as source:
        publish(mesh, b"{", headers=ALERT)
        publish(mesh, b"1")
        publish(mesh, b"2", message_id="id/7/3", headers=ALERT)
        publish(mesh, b"3", message_id="other/0/2", headers=ALERT)
        publish(mesh, b"4", headers={**ALERT, "message_type": 77})
        publish(mesh, b'"' + b"x" * (33 << 20) + b'"', headers=ALERT)
        for payload in ("fail", "good"):
            assert source.send(MsgAlert.create(payload, "sensor_value.y")).successful_send
        with Interface(timeout_s=20, **mesh.login) as client:
            assert eventually(lambda: client.get(relay.name, specifier="health")["dead_letters"] == 7)
    assert relay.seen == ["good"]
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(entry["size"] for entry in found) == [1, 1, 1, 1, 1, 6, (33 << 20) + 2]
    assert all(entry["reason"] for entry in found)
    assert {entry.get("truncated", False) for entry in found if entry["size"] > 9} == {True}
    with mesh.pika() as connection:
        assert not connection.channel().queue_declare(f"{relay.name}.alerts", passive=True).method.message_count


def test_what_the_disk_does_not_take_stays_in_the_queue(mesh, file):
    """Whoever comes next finds it there."""
    file.mkdir()
    settings = {"name": mesh.name("relay"), "durable": True, "dead_letter_file": str(file), **mesh.login}
    with serving(Relay(**settings)) as relay, serving(Service(mesh.name("source"), **mesh.login)) as source:
        publish(mesh, b"{", headers=ALERT)
        assert source.send(MsgAlert.create("good", "sensor_value.y")).successful_send
        assert eventually(lambda: relay.seen == ["good"])
    file.rmdir()
    with serving(Relay(**settings)) as relay:
        assert eventually(lambda: relay._Service__health.report()["dead_letters"] == 1)
        assert relay.seen == []
    assert json.loads(file.read_text())["body"] == "{"


def test_a_consumer_that_is_not_durable_counts_what_it_drops(mesh, caplog):
    """By reason; and the log says so. One that drops nothing says nothing."""
    relay = Relay(name=mesh.name("relay"), message_wait_ms=100, **mesh.login)
    with serving(relay), Interface(timeout_s=20, **mesh.login) as client:
        assert "dropped_messages" not in client.get(relay.name, specifier="health")
        publish(mesh, b"{", headers=ALERT)
        publish(mesh, b"3", message_id="other/0/2", headers=ALERT)
        expected = {"undecodable": 1, "incomplete": 1}
        assert eventually(lambda: client.get(relay.name, specifier="health").get("dropped_messages") == expected)
    assert caplog.text.count("dropped the") == 2
