"""Tools for tests of the runtime without a broker: messages as a connection would deliver them."""

import itertools

import pytest

from dripline.amqp.content import Delivery, Returned
from dripline.amqp.properties import RawProperties
from dripline.wire.codec import Encoder

SENDER = {
    "exe": "/usr/bin/dl",
    "hostname": "lab",
    "service_name": "unknown",
    "username": "ada",
    "versions": {"dripline": {"version": "3.0.0"}},
}
_numbers = itertools.count(1)


@pytest.fixture
def deliveries():
    """Make of a message the deliveries it arrives as: `deliveries(message, max_payload_size=10000)`."""

    def _deliveries(message, max_payload_size=10_000):
        envelopes = Encoder(SENDER, max_payload_size).encode(message, "2026-01-01T00:00:00.000000Z")
        return [
            Delivery("dl.1", next(_numbers), "requests", key, RawProperties(properties), body)
            for key, properties, body in envelopes
        ]

    return _deliveries


@pytest.fixture
def returned(deliveries):
    """Make of a message what comes back of it when nobody is bound: `returned(message)`."""

    def _returned(message, max_payload_size=10_000):
        parts = [Returned(312, "NO_ROUTE", *part[2:]) for part in deliveries(message, max_payload_size)]
        return parts[0] if len(parts) == 1 else parts

    return _returned
