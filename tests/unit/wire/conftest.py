"""Tools for tests of the wire layer: messages sent and received without a broker."""

from dataclasses import dataclass, field
from typing import Any

import pika
import pytest

from dripline.wire.body import Joiner, read_part
from dripline.wire.codec import Encoder, read_message

SENDER = {
    "exe": "/usr/bin/dl",
    "hostname": "lab",
    "service_name": "unknown",
    "username": "ada",
    "versions": {"dripline": {"version": "3.0.0"}},
}


@dataclass
class FakeProperties:
    """What the reader looks at, filled with anything."""

    headers: Any = field(default_factory=dict)
    message_id: Any = "6ba7b810-9dad-11d1-80b4-00c04fd430c8/0/1"
    correlation_id: Any = "c"
    reply_to: Any = "back"
    content_encoding: Any = "application/json"


def decoded(envelope):
    """Give the properties of an envelope as pika decodes them."""
    properties = pika.BasicProperties()
    properties.decode(envelope.properties)
    return properties


@pytest.fixture
def sender():
    """A sender_info with everything real peers want."""
    return {**SENDER}


@pytest.fixture(scope="session")
def fake_properties():
    """The class of properties that may hold anything."""
    return FakeProperties


@pytest.fixture(scope="session")
def read():
    """Read one message: `read(headers, body=b"null", **properties)`."""

    def _read(headers, body=b"null", **properties):
        return read_message(read_part(FakeProperties(headers, **properties), body, "peaches"), body)

    return _read


@pytest.fixture(scope="session")
def received():
    """Send a message and read what arrives: `received(message, max_payload_size=10000)`."""

    def _received(message, max_payload_size=10_000, shuffle=lambda parts: parts):
        joiner = Joiner()
        envelopes = Encoder(SENDER, max_payload_size).encode(message, "2026-01-01T00:00:00.000000Z")
        for envelope in shuffle(envelopes):
            part = read_part(decoded(envelope), envelope.body, envelope.routing_key)
            body = joiner.add(part, now=0.0)
        assert len(joiner) == 0
        return read_message(part, body)

    return _received
