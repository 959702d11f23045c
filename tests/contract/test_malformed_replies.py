"""A peer that knows AMQP but not all of the protocol: errors name it and what is wrong with its reply."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pytest

from dripline.core import Interface
from dripline.errors import DecodingError, ErrorReply, MalformedReply, ReplyTimeout

from .meshes import Mesh, client, fresh_mesh

SENDER = {"exe": "/opt/pump.py", "hostname": "lab-pc", "username": "anna", "service_name": "pump", "versions": {}}
GOOD: dict[str, Any] = {"message_type": 2, "return_code": 0, "return_message": "", "sender_info": SENDER}


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@contextmanager
def peer(mesh: Mesh, headers: dict[str, Any] | None, body: bytes = b"5", **properties: Any) -> Iterator[str]:
    """A peer that answers every request with the same reply."""
    name = mesh.name("pump")
    connection = mesh.pika()
    channel = connection.channel()
    channel.exchange_declare(mesh.requests, "topic")
    queue = channel.queue_declare(name, exclusive=True).method.queue
    channel.queue_bind(queue, mesh.requests, f"{name}.#")

    def answer(_channel: Any, _method: Any, request: pika.BasicProperties, _body: bytes) -> None:
        given = {"correlation_id": request.correlation_id, "headers": headers, **properties}
        channel.basic_publish(mesh.requests, request.reply_to, body, pika.BasicProperties(**given))

    channel.basic_consume(queue, answer, auto_ack=True)
    thread = threading.Thread(target=channel.start_consuming)
    thread.start()
    try:
        yield name
    finally:
        connection.add_callback_threadsafe(channel.stop_consuming)
        thread.join(30)
        connection.close()


def without(*names: str) -> dict[str, Any]:
    """Good headers that lack some."""
    return {key: value for key, value in GOOD.items() if key not in names}


@pytest.mark.parametrize(
    ("headers", "body", "properties", "reason"),
    [
        (None, b"5", {}, "no headers"),
        (without("message_type", "return_code"), b"5", {}, "no message_type"),
        ({**GOOD, "message_type": "reply"}, b"5", {}, "message_type is str 'reply'"),
        ({**GOOD, "message_type": 7}, b"5", {}, "message_type 7 is unknown"),
        ({**GOOD, "message_type": 3}, b"5", {}, r"message_type is 3 \(request\), not 2 \(reply\)"),
        ({**GOOD, "return_message": 5}, b"5", {}, "return_message is int 5"),
        (GOOD, b"volts", {}, "not valid JSON"),
        (GOOD, b"", {}, "not valid JSON"),
        (GOOD, b"NaN", {}, "NaN"),
        (GOOD, b"\xff", {}, "not UTF-8"),
        (GOOD, b"\x1f\x8b", {"content_encoding": "gzip"}, "content_encoding is 'gzip'"),
        (GOOD, b"5", {"message_id": "a/7/3"}, "no chunk 7 of 3"),
        (GOOD, b"5", {"message_id": "a/b/c"}, "neither UUID nor UUID/chunk/total"),
    ],
)
def test_the_error_names_the_peer_and_the_fault(mesh, headers, body, properties, reason):
    """The endpoint that was asked, and the program that answered if its reply says so."""
    peer_there = peer(mesh, headers, body, **properties)
    with peer_there as name, client(mesh) as dl, pytest.raises(MalformedReply, match=reason) as caught:
        dl.get(name)
    origin = " (service pump, /opt/pump.py on lab-pc)" if headers else ""
    assert str(caught.value).startswith(f"invalid reply from {name!r}{origin}: ")
    assert (caught.value.return_code, caught.value.exit_code) == (402, 4)
    assert isinstance(caught.value, DecodingError)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (without("return_code"), "no return_code in its headers"),
        ({**GOOD, "return_code": "0"}, "return_code is str '0'"),
    ],
)
def test_a_reply_without_a_code_is_an_error_that_says_so(mesh, headers, reason):
    """It counts as 999, as in dripline-python."""
    with peer(mesh, headers) as name, client(mesh) as dl, pytest.raises(ErrorReply, match=reason) as caught:
        dl.get(name)
    assert caught.value.return_code == 999
    assert f"invalid reply from {name!r} (service pump, /opt/pump.py on lab-pc)" in str(caught.value)


def test_an_error_reply_whose_body_cannot_be_read_keeps_its_error(mesh):
    """Its code and message are what matters."""
    headers = {**GOOD, "return_code": 304, "return_message": "too hot"}
    with peer(mesh, headers, b"volts") as name, client(mesh) as dl, pytest.raises(ErrorReply, match="too hot"):
        dl.get(name)


@pytest.mark.parametrize(
    "headers", [without("sender_info"), without("message_type"), {**GOOD, "sender_info": "me", "extra": 1}]
)
def test_a_reply_that_lacks_what_nobody_needs_is_read(mesh, headers):
    """Some services in other languages answer so."""
    with peer(mesh, headers) as name, client(mesh) as dl:
        assert dl.get(name) == 5


@pytest.mark.parametrize(
    ("properties", "hint"),
    [
        (
            {"correlation_id": "another"},
            r"unknown correlation_id came \(service pump, /opt/pump.py on lab-pc\)",
        ),
        ({"message_id": "a/0/3"}, "only some of its chunks came"),
    ],
)
def test_a_timeout_says_what_came_instead(mesh, properties, hint):
    """Which is otherwise hard to find out."""
    with peer(mesh, GOOD, **properties) as name, client(mesh) as dl, pytest.raises(ReplyTimeout, match=hint):
        dl.get(name, timeout_s=1)


def test_a_client_of_version_4_gets_a_reply_that_says_so(mesh):
    """It catches no errors of ours."""
    old = {key.replace("_", "-"): value for key, value in mesh.settings.items()}
    with peer(mesh, None) as name, Interface(dripline_config=old) as script:
        reply = script.get(name)
    assert (reply.return_code, reply.payload.is_null()) == (402, True)
    assert reply.return_message.startswith(f"invalid reply from {name!r}: no headers")
