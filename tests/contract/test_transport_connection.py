"""dripline.transport on both brokers: what a connection does while all is well, and why it cannot be had."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pika
import pytest
from support.plain import plain_channel

from dripline.errors import BrokerError, DriplineError, LoginRefused, NameTaken
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope

pytestmark = pytest.mark.usefixtures("no_leaks")

NO_PROPERTIES = b"\0\0"


@pytest.fixture
def address(broker) -> BrokerAddress:
    """Where the broker is."""
    return BrokerAddress(broker.host, broker.port, broker.virtual_host, broker.username, broker.password)


class Returns(queue.SimpleQueue):
    """What came back."""


@pytest.fixture
def returns() -> Returns:
    """Takes what comes back to `connection`."""
    return Returns()


@pytest.fixture
def connection(address: BrokerAddress, returns: Returns) -> Iterator[Connection]:
    """An open connection with the exchanges of a mesh."""
    connection = Connection(address, on_returned=returns.put)
    connection.open()
    connection.declare_exchanges(["requests", "alerts"])
    yield connection
    connection.close()


def listen(connection: Connection, *keys: str, exchange: str = "requests", **options):
    """A queue of its own, and the deliveries that come to it."""
    name = connection.declare_queue()
    connection.bind(name, exchange, keys or [name])
    deliveries: queue.SimpleQueue = queue.SimpleQueue()
    connection.consume(name, deliveries.put, **options)
    return name, deliveries


def fresh() -> str:
    """A name nobody else uses."""
    return f"test-{uuid.uuid4().hex}"


def test_a_message_arrives_as_it_was_sent(connection):
    """Routing key, properties and body, whatever characters and bytes are in them."""
    key = f"päch.{fresh()}"
    _, deliveries = listen(connection, key)
    properties = pika.BasicProperties(
        content_encoding="application/json",
        headers={"specifier": "ü"},
        correlation_id="c",
        reply_to="",
        message_id="m",
    )
    raw = b"".join(properties.encode())
    connection.publish("requests", [Envelope(key, raw, bytes(range(256)))])
    delivery = deliveries.get(timeout=30)
    assert (delivery.exchange, delivery.routing_key, delivery.body) == ("requests", key, bytes(range(256)))
    assert delivery.properties.raw == raw
    assert delivery.properties.headers == {"specifier": "ü"}


@pytest.mark.parametrize("size", [0, 1, 131064, 131065, 3_000_000])
def test_bodies_of_any_length(connection, size):
    """None, one frame exactly, and many frames."""
    key, deliveries = listen(connection)
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, body)])
    assert deliveries.get(timeout=30).body == body


def test_messages_of_many_threads_are_never_mixed_up(connection):
    """Every thread writes itself; each message arrives whole, and those of one thread in their order."""
    key, deliveries = listen(connection, no_ack=True)

    def work(number: int) -> None:
        for count in range(50):
            connection.publish("requests", [Envelope(key, NO_PROPERTIES, bytes([number, count]) * 10_000)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    seen: dict[int, list[int]] = {number: [] for number in range(4)}
    for _ in range(200):
        body = deliveries.get(timeout=30).body
        assert body == body[:2] * 10_000
        seen[body[0]].append(body[1])
    assert all(counts == list(range(50)) for counts in seen.values())
    for thread in threads:
        thread.join()


def test_what_nobody_is_bound_for_comes_back(connection, returns):
    """With the broker's code, and all that was sent."""
    key = fresh()
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, b"body")])
    back = returns.get(timeout=30)
    assert (back.reply_code, back.exchange, back.routing_key, back.body) == (312, "requests", key, b"body")


def test_what_need_not_be_routed_does_not_come_back(connection, returns):
    """An alert that nobody hears is no failure."""
    connection.publish("alerts", [Envelope(fresh(), NO_PROPERTIES, b"")], mandatory=False)
    connection.declare_queue()
    assert returns.empty()


def test_the_broker_confirms_what_it_has(connection):
    """One slot for each chunk, and all of them are filled soon, also with a window smaller than their number."""
    _, deliveries = listen(connection, "news.#", exchange="alerts")
    slots = connection.publish_confirmed("alerts", [Envelope("news.x", NO_PROPERTIES, b"1")] * 3)
    assert [slot.wait(30) for slot in slots] == [True] * 3
    assert connection.wait_for_confirms(5)
    assert [deliveries.get(timeout=30).body for _ in range(3)] == [b"1"] * 3


def test_a_small_window_slows_senders_down_and_loses_nothing(address):
    """Senders wait for room instead of piling up."""
    connection = Connection(address, confirm_window=5)
    connection.open()
    connection.declare_exchanges(["alerts"])
    slots: list = []

    def work() -> None:
        for _ in range(50):
            slots.extend(connection.publish_confirmed("alerts", [Envelope("x", NO_PROPERTIES, b"")]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(slot.wait(30) for slot in slots)
    assert len(slots) == 200
    connection.close()


def test_no_more_is_sent_ahead_than_can_be_taken(connection):
    """The next message comes when one is acknowledged; also together with something that is published."""
    key, deliveries = listen(connection, prefetch=1)
    for body in (b"1", b"2", b"3"):
        connection.publish("requests", [Envelope(key, NO_PROPERTIES, body)])
    first = deliveries.get(timeout=30)
    connection.declare_queue()
    assert deliveries.empty()
    connection.ack(first)
    second = deliveries.get(timeout=30)
    assert second.body == b"2"
    connection.publish("alerts", [Envelope("x", NO_PROPERTIES, b"")], mandatory=False, ack=second)
    assert deliveries.get(timeout=30).body == b"3"


def test_a_delivery_of_another_connection_is_not_acknowledged_here(address, connection):
    """After a reconnect old deliveries are answered on the new connection, where their numbers mean nothing."""
    key, deliveries = listen(connection)
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, b"")])
    foreign = deliveries.get(timeout=30)
    other = Connection(address)
    other.open()
    other.ack(foreign)
    other.publish("alerts", [Envelope("x", NO_PROPERTIES, b"")], mandatory=False, ack=foreign)
    other.declare_queue()  # a wrong number would have ended the connection before the answer
    assert other.is_open
    other.close()


def test_a_queue_may_have_a_thousand_bindings(connection):
    """They are one write, and are there when the next call returns."""
    keys = [f"{fresh()}.#" for _ in range(1000)]
    _, deliveries = listen(connection, *keys)
    connection.publish("requests", [Envelope(keys[-1].replace("#", "x"), NO_PROPERTIES, b"")])
    assert deliveries.get(timeout=30)


def test_a_binding_can_be_taken_away(connection, returns):
    """Nobody is bound then."""
    key = fresh()
    name, _ = listen(connection, key)
    connection.unbind(name, "requests", key)
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, b"")])
    assert returns.get(timeout=30).routing_key == key


def test_when_consumers_are_cancelled_nothing_comes_any_more(connection, returns):
    """What was under way still arrives; the queue goes, so that senders learn of it. Reply queues stay."""
    key, deliveries = listen(connection)
    reply_key, replies = listen(connection, no_ack=True)
    connection.cancel_consumers()
    connection.cancel_consumers()
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, b"late")])
    assert returns.get(timeout=30).body == b"late"
    assert deliveries.empty()
    connection.publish("requests", [Envelope(reply_key, NO_PROPERTIES, b"reply")])
    assert replies.get(timeout=30).body == b"reply"


def test_an_exclusive_name_is_taken(address, connection):
    """Another connection that wants it is told, and the first is unharmed."""
    name = fresh()
    connection.declare_queue(name)
    other = Connection(address)
    other.open()
    with pytest.raises(NameTaken):
        other.declare_queue(name)
    assert not other.is_open
    other.close()
    assert connection.declare_queue(name) == name


def test_a_name_that_is_too_long(connection):
    """AMQP allows 255 bytes; the connection is unharmed."""
    with pytest.raises(DriplineError, match="255"):
        connection.declare_queue("x" * 256)
    assert connection.declare_queue()


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}, {"virtual_host": "/no-such"}])
def test_a_login_that_is_refused(address, wrong):
    """Wrong user, wrong password, wrong virtual host."""
    with pytest.raises(LoginRefused):
        Connection(replace(address, **wrong)).open()


def test_an_exchange_that_is_another_kind(address, connection):
    """The broker's words tell what does not fit; it is no lost connection."""
    name = fresh()
    channel, plain = plain_channel(address)
    channel.exchange_declare(name, "fanout", auto_delete=True)
    with pytest.raises(BrokerError, match="406 PRECONDITION_FAILED") as caught:
        connection.declare_exchanges([name, "requests"])
    assert type(caught.value) is BrokerError
    channel.exchange_delete(name)
    plain.close()
