"""A program that knows plain pika and the protocol, and nothing of dripline, talks to a service of ours.

It is written as somebody would write it without this package, and checks every property of what comes back.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pika
import pytest

from dripline.core import Service

from .conftest import BrokerAddress
from .meshes import Mesh, fresh_mesh, serving

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SENDER = {
    "exe": "/usr/bin/a-script",
    "hostname": "lab-pc",
    "username": "anna",
    "service_name": "unknown",
    "versions": {"dripline": {"version": "3.0.0"}},
}
SET, GET, CMD = 0, 1, 9


class PlainClient:
    """The script."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._connection = mesh.pika()
        self.channel = self._connection.channel()
        self._queue = self.channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        self.channel.queue_bind(self._queue, mesh.requests, self._queue)

    def ask(self, key: str, operation: int, body: Any = None, specifier: str = "", lockout_key: str = "") -> Any:
        """Send a request; returns properties and payload of the reply."""
        self.correlation_id = str(uuid.uuid4())
        properties = pika.BasicProperties(
            content_encoding="application/json",
            correlation_id=self.correlation_id,
            reply_to=self._queue,
            message_id=f"{uuid.uuid4()}/0/1",
            headers={
                "message_type": 3,
                "message_operation": operation,
                "specifier": specifier,
                "lockout_key": lockout_key,
                "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "sender_info": SENDER,
            },
        )
        self.channel.basic_publish(self._mesh.requests, key, json.dumps(body).encode(), properties, mandatory=True)
        return self.next()

    def next(self) -> tuple[pika.BasicProperties, Any]:
        """The next message in the queue of the script."""
        for _, properties, body in self.channel.consume(self._queue, auto_ack=True, inactivity_timeout=30):
            assert properties is not None, "no reply within 5 s"
            return properties, json.loads(body)
        raise AssertionError("the broker cancelled the consumer")

    def close(self) -> None:
        """Go away."""
        self._connection.close()


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh with a store on it."""
    with fresh_mesh(broker) as mesh:
        store = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}
        with serving(Service(mesh.name("my_store"), endpoints=[store], **mesh.login)):
            yield mesh


@pytest.fixture
def script(mesh: Mesh) -> Iterator[PlainClient]:
    """The script, connected."""
    script = PlainClient(mesh)
    yield script
    script.close()


def test_a_reply_has_these_properties_and_no_others(script, mesh):
    """content_encoding, headers, correlation_id of the request, an empty reply_to, message_id with its chunk."""
    properties, _ = script.ask("peaches", GET)
    present = {name for name, value in vars(properties).items() if value is not None}
    assert present == {"content_encoding", "headers", "correlation_id", "reply_to", "message_id"}
    assert properties.content_encoding == "application/json"
    assert properties.correlation_id == script.correlation_id
    assert properties.reply_to == ""
    message_id, chunk, total = properties.message_id.split("/")
    assert UUID.fullmatch(message_id)
    assert (chunk, total) == ("0", "1")


def test_a_reply_has_these_headers(script, mesh):
    """Type, code, message, sender, specifier and time."""
    properties, _ = script.ask("peaches", GET)
    headers = properties.headers
    assert list(headers) == [
        "message_type", "return_code", "return_message", "sender_info", "specifier", "timestamp",
    ]  # fmt: skip
    assert (headers["message_type"], headers["return_code"], headers["return_message"]) == (2, 0, "")
    assert headers["specifier"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", headers["timestamp"])
    sender = headers["sender_info"]
    assert sorted(sender) == ["exe", "hostname", "service_name", "username", "versions"]
    assert sender["service_name"] == mesh.name("my_store")
    assert all(isinstance(sender[key], str) and sender[key] for key in ("exe", "hostname", "username"))
    assert sender["versions"]["dripline"] == {"version": "3.0.0"}
    assert sorted(sender["versions"]["dripline-python"]) == ["commit", "package", "version"]


def test_get_set_and_cmd(script):
    """The three operations."""
    assert script.ask("peaches", GET)[1] == {"value_cal": 1.5, "value_raw": 0.75}
    assert script.ask("peaches", SET, {"values": [3]})[1] is None
    assert script.ask("peaches", GET, {})[1] == {"value_cal": 6, "value_raw": 3}
    assert script.ask("peaches", CMD, {"values": [4]}, "on_set")[1] is None
    assert script.ask("peaches", CMD, None, "on_get")[1] == {"value_cal": 8, "value_raw": 4}
    assert script.ask("peaches", GET, None, "log_interval")[1] == {"values": ["0:00:00"]}


def test_ping_says_hello_to_the_program(script, mesh):
    """To endpoint, service and everybody."""
    for key in ("peaches", mesh.name("my_store"), "broadcast"):
        properties, payload = script.ask(key, CMD, {}, "ping")
        assert properties.headers["return_message"] == "Hello, /usr/bin/a-script"
        assert payload is None


def test_a_lock_keeps_others_out(script):
    """Lock, try without the key, read, set with the key, unlock."""
    properties, payload = script.ask("peaches", CMD, {}, "lock")
    key = payload["key"]
    assert properties.headers["return_message"] == "Server is now locked"
    properties, payload = script.ask("peaches", SET, {"values": [1]})
    assert properties.headers["return_code"] == 307
    assert payload is None
    assert script.ask("peaches", GET)[0].headers["return_code"] == 0
    status = script.ask("peaches", GET, None, "is-locked")[1]
    assert status == {"is_locked": True, "tag": SENDER}
    assert script.ask("peaches", SET, {"values": [1]}, lockout_key=key)[0].headers["return_code"] == 0
    assert script.ask("peaches", CMD, {}, "unlock", lockout_key=key)[0].headers["return_code"] == 0
    assert script.ask("peaches", GET, None, "is-locked")[1] == {"is_locked": False}


def test_errors_come_with_code_and_reason(script):
    """And with null as payload."""
    for operation, specifier, code in ((GET, "missing", 310), (SET, "missing", 310), (CMD, "missing", 306)):
        properties, payload = script.ask("peaches", operation, {"values": [1]}, specifier)
        assert properties.headers["return_code"] == code
        assert "missing" in properties.headers["return_message"]
        assert payload is None


def test_a_request_to_nobody_comes_back_at_once(script, mesh):
    """The broker returns it, code 312, since nobody is bound."""
    script.channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):
        script.channel.basic_publish(mesh.requests, "nobody", b"null", pika.BasicProperties(), mandatory=True)


def test_the_queue_of_a_service_is_called_like_it_and_belongs_to_it(script, mesh):
    """So a second service of the name cannot be."""
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        script.channel.queue_declare(mesh.name("my_store"), passive=True)
    assert caught.value.reply_code == 405


def test_the_exchanges_are_as_everybody_declares_them(script, mesh):
    """Topic, not durable, not deleted automatically: declaring them so again changes nothing."""
    for exchange in (mesh.requests, mesh.alerts):
        script.channel.exchange_declare(exchange, "topic", durable=False, auto_delete=False)
