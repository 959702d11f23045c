"""dripline.transport on both brokers, over a network that goes wrong."""

from __future__ import annotations

import queue
import threading
import time
import uuid

import pytest
from support.plain import plain_channel
from support.proxy import Proxy

from dripline.errors import BrokerError, BrokerUnreachable, ConnectionLost
from dripline.transport import io_loop as socket_loop
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope

pytestmark = pytest.mark.usefixtures("no_leaks")

NO_PROPERTIES = b"\0\0"


@pytest.fixture
def proxy(broker):
    """A network between connection and broker."""
    with Proxy(broker.host, broker.port) as proxy:
        yield proxy


@pytest.fixture
def lost() -> queue.SimpleQueue:
    """What `on_lost` of `connection` was called with."""
    return queue.SimpleQueue()


@pytest.fixture
def address(broker) -> BrokerAddress:
    """Where the broker is, without the network between."""
    return BrokerAddress(broker.host, broker.port, broker.virtual_host, broker.username, broker.password)


@pytest.fixture
def connection(broker, proxy, lost):
    """An open connection through the proxy."""
    connection = Connection(
        BrokerAddress(
            proxy.host, proxy.port, broker.virtual_host, broker.username, broker.password, heartbeat_s=0
        ),
        on_lost=lost.put,
    )
    connection.open()
    connection.declare_exchanges(["requests", "alerts"])
    yield connection
    connection.close()


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_is_noticed_at_once(proxy, connection, lost, reset):
    """The owner is told once; whoever sends or asks is told as well."""
    start = time.monotonic()
    proxy.cut(reset=reset)
    assert type(lost.get(timeout=30)) is ConnectionLost
    assert time.monotonic() - start < 10
    with pytest.raises(ConnectionLost):
        connection.publish("requests", [Envelope("x", NO_PROPERTIES, b"")])
    with pytest.raises(ConnectionLost):
        connection.publish_confirmed("alerts", [Envelope("x", NO_PROPERTIES, b"")])
    with pytest.raises(ConnectionLost):
        connection.declare_queue()
    connection.close()
    assert lost.empty()


def test_who_waits_when_the_cut_comes_is_told(proxy, connection):
    """A question and a confirm under way end at once."""
    proxy.freeze()
    errors: queue.SimpleQueue = queue.SimpleQueue()

    def ask() -> None:
        try:
            connection.declare_queue()
        except BrokerError as error:
            errors.put(error)

    thread = threading.Thread(target=ask)
    thread.start()
    proxy.cut()
    proxy.thaw()
    assert isinstance(errors.get(timeout=30), ConnectionLost)
    thread.join()


def test_confirms_that_never_come_are_told(proxy, connection):
    """Alerts under way when the connection goes are known not to be confirmed."""
    assert connection.publish_confirmed("alerts", [Envelope("x", NO_PROPERTIES, b"")])[0].wait(30)
    proxy.freeze()
    (slot,) = connection.publish_confirmed("alerts", [Envelope("x", NO_PROPERTIES, b"")])
    proxy.cut()
    proxy.thaw()
    with pytest.raises(ConnectionLost):
        slot.wait(30)
    assert connection.wait_for_confirms(0)


def test_a_frozen_broker_holds_senders_up_only_so_long(proxy, connection, monkeypatch):
    """When nothing is taken, backlog and socket fill up, and senders get a TimeoutError in their time."""
    monkeypatch.setattr(socket_loop, "_MAX_BACKLOG", 200_000)
    connection.publish_confirmed("alerts", [Envelope("x", NO_PROPERTIES, b"")])  # opens its channel
    proxy.freeze()
    message = [Envelope("x", NO_PROPERTIES, b"x" * 500_000)]

    def fill() -> None:
        for _ in range(100):
            connection.publish("alerts", message, mandatory=False, timeout_s=0.1)

    with pytest.raises(TimeoutError, match="took no data"):
        fill()
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="took no data"):
        connection.publish_confirmed("alerts", message, timeout_s=0.1)
    assert time.monotonic() - start < 10
    proxy.thaw()
    connection.publish("alerts", [Envelope("x", NO_PROPERTIES, b"")], mandatory=False, timeout_s=60)
    connection.declare_queue()  # all of it went through in good order


def test_closing_is_quick_when_the_broker_is_frozen(proxy, connection):
    """Also with messages that cannot be sent any more."""
    proxy.freeze()
    connection.publish("alerts", [Envelope("x", NO_PROPERTIES, b"x" * 5_000_000)], mandatory=False)
    start = time.monotonic()
    connection.close()
    assert time.monotonic() - start < 10, "less than 2 s on a machine that is not busy"


def test_closing_sends_what_is_waiting(address, connection):
    """The last message of a program arrives."""
    key = uuid.uuid4().hex
    receiver = Connection(address)
    receiver.open()
    name = receiver.declare_queue()
    receiver.bind(name, "requests", [key])
    deliveries: queue.SimpleQueue = queue.SimpleQueue()
    receiver.consume(name, deliveries.put)
    connection.publish("requests", [Envelope(key, NO_PROPERTIES, b"x" * 2_000_000)])
    connection.close()
    assert len(deliveries.get(timeout=30).body) == 2_000_000
    receiver.close()


def test_a_network_that_freezes_during_the_login(broker, proxy):
    """The attempt ends in its time."""
    proxy.freeze()
    address = BrokerAddress(proxy.host, proxy.port, broker.virtual_host, connect_timeout_s=0.2)
    with pytest.raises(BrokerUnreachable, match="does not answer"):
        Connection(address).open()


def test_a_deleted_queue_ends_the_connection(address, connection, lost):
    """A service whose queue somebody deleted would be deaf without knowing."""
    name = connection.declare_queue(f"test-{uuid.uuid4().hex}", exclusive=False)
    connection.consume(name, print)
    channel, plain = plain_channel(address)
    channel.queue_delete(name)
    plain.close()
    assert "queue was deleted" in str(lost.get(timeout=30))


def test_a_deleted_exchange_ends_the_connection(connection, lost):
    """Publishing to it closes the channel; everything is declared anew by whoever connects again."""
    connection.publish("no-such-exchange", [Envelope("x", NO_PROPERTIES, b"")])
    assert "404" in str(lost.get(timeout=30))
    with pytest.raises(BrokerError, match="404"):
        connection.check()
