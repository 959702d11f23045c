"""Tools for tests of the transport without a broker."""

import pika
import pytest
from pika import frame, spec

from dripline.amqp.content import ContentReader


class Heard:
    """A `ContentReader` and the list of what it called back."""

    def __init__(self, **limits):
        self.events = []
        note = self.events.append
        self.reader = ContentReader(
            lambda delivery: note(("delivery", *delivery[:4], delivery.properties.raw, delivery.body)),
            lambda returned: note(("returned", *returned[:4], returned.properties.raw, returned.body)),
            lambda *confirm: note(("confirm", *confirm)),
            lambda data: note(("other", data)),
            **limits,
        )

    def feed(self, data):
        """Feed bytes; gives back all events so far."""
        self.reader.feed(data)
        return self.events


def content(method, body, properties=None, channel=1, frame_max=131072):
    """A method with content, as pika marshals it."""
    properties = properties or pika.BasicProperties(content_encoding="application/json")
    room = frame_max - 8
    frames = [frame.Method(channel, method), frame.Header(channel, len(body), properties)]
    frames += [frame.Body(channel, body[at : at + room]) for at in range(0, len(body), room)]
    return b"".join(part.marshal() for part in frames)


def deliver(body=b"{}", tag="dl.1", number=1, exchange="requests", key="peaches", **options):
    """A delivery, as a broker sends it."""
    return content(spec.Basic.Deliver(tag, number, False, exchange, key), body, **options)


def returned(body=b"{}", key="nobody", **options):
    """A returned message, as a broker sends it."""
    return content(spec.Basic.Return(312, "NO_ROUTE", "requests", key), body, **options)


@pytest.fixture
def heard():
    """The class of readers that remember what they called back."""
    return Heard
