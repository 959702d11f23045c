"""dripline.transport.connection_base: brokers that misbehave, and connections that end in every state."""

import socket
import threading
import time
from contextlib import suppress

import pytest
from pika import frame, spec
from support.fake_broker import FakeBroker
from support.waiting import eventually, failing

from dripline.amqp.content import Delivery
from dripline.amqp.properties import RawProperties
from dripline.errors import BrokerError, BrokerUnreachable, ConnectionLost, LoginRefused, NameTaken
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope

pytestmark = pytest.mark.usefixtures("no_leaks")

MESSAGE = Envelope("peaches", b"\0\0", b"{}")


class Lost:
    """Remembers what `on_lost` was called with."""

    def __init__(self):
        self.errors = []
        self.happened = threading.Event()

    def __call__(self, error):
        """Take note."""
        self.errors.append(error)
        self.happened.set()


@pytest.fixture
def lost():
    """What to give as ``on_lost``."""
    return Lost()


def connect(fake, **options):
    """An open connection to a fake broker."""
    connection = Connection(BrokerAddress(fake.host, fake.port, connect_timeout_s=30, heartbeat_s=0), **options)
    connection.open()
    return connection


def refused_with(code, text):
    """What opening a connection raises when the broker closes it during the login."""
    with FakeBroker(spec.Connection.StartOk) as fake:
        opener = threading.Thread(
            target=lambda: (
                fake.wait_for(spec.Connection.StartOk),
                fake.send(spec.Connection.Close(code, text, 0, 0)),
            )
        )
        opener.start()
        with pytest.raises(BrokerError) as caught:
            connect(fake)
        opener.join()
    return caught.value


def test_nobody_listens():
    """A port where nobody listens is told at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = BrokerAddress("127.0.0.1", listener.getsockname()[1])
    with pytest.raises(BrokerUnreachable, match="no broker answers"):
        Connection(address).open()


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_host_that_cannot_be(host):
    """A name that is no host name is told like one that nobody has."""
    with pytest.raises(BrokerUnreachable, match="no broker answers"):
        Connection(BrokerAddress(host)).open()


def test_a_peer_that_says_nothing():
    """Who accepts a connection and is silent is no broker."""
    with FakeBroker(spec.Connection.Start) as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port, connect_timeout_s=0.1))
        with pytest.raises(BrokerUnreachable, match="does not answer as an AMQP broker"):
            connection.open()


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\0\0\x09\x01", b"+OK ready\r\n"])
def test_a_peer_that_speaks_something_else(words):
    """An answer in another protocol is recognized, without waiting for more of it."""
    with FakeBroker(spec.Connection.Start) as fake:
        talker = threading.Thread(target=lambda: (fake.greeted.wait(30), fake.send_bytes(words)))
        talker.start()
        connection = Connection(BrokerAddress(fake.host, fake.port, connect_timeout_s=30))
        with pytest.raises(BrokerUnreachable, match="right port"):
            connection.open()
        talker.join()


def test_a_broker_that_hangs_up_during_the_login():
    """A connection that is cut in the middle of the login says nothing about the password: try again later."""
    with FakeBroker(spec.Connection.StartOk) as fake:
        threading.Thread(target=lambda: (fake.wait_for(spec.Connection.StartOk), fake.hang_up())).start()
        with pytest.raises(BrokerUnreachable, match="hung up during the login"):
            connect(fake)


def test_what_the_broker_says_to_a_login():
    """Only 403 and 530 mean that trying again is of no use."""
    assert type(refused_with(403, "ACCESS_REFUSED")) is LoginRefused
    assert type(refused_with(530, "NOT_ALLOWED - vhost x not found")) is LoginRefused
    assert type(refused_with(320, "CONNECTION_FORCED - shutdown")) is BrokerUnreachable
    assert type(refused_with(541, "INTERNAL_ERROR - vhost is down")) is BrokerUnreachable


def test_a_broker_that_falls_silent_after_the_login():
    """A channel that is never opened ends the attempt in time."""
    with FakeBroker(spec.Channel.Open) as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port, connect_timeout_s=1.5))
        with pytest.raises(ConnectionLost, match="did not answer"):
            connection.open()


def test_a_connection_is_lost_once(lost):
    """`on_lost` is called once, with what happened; everything afterwards raises it."""
    with FakeBroker() as fake:
        connection = connect(fake, on_lost=lost)
        assert connection.is_open
        fake.hang_up()
        assert lost.happened.wait(30)
        for use in (connection.check, lambda: connection.publish("x", [MESSAGE]), connection.declare_queue):
            with pytest.raises(ConnectionLost, match="the broker closed the connection"):
                use()
        connection.close()
        assert [type(error) for error in lost.errors] == [ConnectionLost]


def test_the_brokers_own_words_are_told(lost):
    """A broker that closes the connection politely says why."""
    with FakeBroker() as fake:
        connection = connect(fake, on_lost=lost)
        fake.send(spec.Connection.Close(320, "CONNECTION_FORCED - shutdown", 0, 0))
        assert lost.happened.wait(30)
        assert "320 CONNECTION_FORCED - shutdown" in str(lost.errors[0])
        connection.close()


def test_closing_is_no_loss(lost):
    """Who closes a connection is not told that it is lost; using it says that it is closed."""
    with FakeBroker() as fake:
        connection = connect(fake, on_lost=lost)
        connection.close()
        connection.close()
        with pytest.raises(ConnectionLost, match="is closed"):
            connection.check()
        assert lost.errors == []


def test_a_connection_that_was_never_opened_can_be_closed():
    """And cannot be opened then."""
    with FakeBroker() as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port))
        connection.close()
        with pytest.raises(ConnectionLost, match="is closed"):
            connection.open()


def test_closing_while_somebody_opens():
    """A thread that waits for the login is told at once."""
    with FakeBroker(spec.Connection.StartOk) as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port))
        threading.Thread(target=lambda: (fake.wait_for(spec.Connection.StartOk), connection.close())).start()
        with pytest.raises(ConnectionLost, match="is closed"):
            connection.open()


@pytest.mark.parametrize("silent", [spec.Channel.Close, spec.Connection.Close, spec.Queue.Declare])
def test_closing_is_quick_whatever_the_broker_does(silent):
    """Also when the broker does not answer to the goodbye, or to a question before it."""
    with FakeBroker(silent) as fake:
        connection = connect(fake)
        if silent is spec.Queue.Declare:
            asker = threading.Thread(target=lambda: failing(ConnectionLost, connection.declare_queue))
            asker.start()
            fake.wait_for(spec.Queue.Declare)
        start = time.monotonic()
        connection.close()
        assert time.monotonic() - start < 10, "less than 2 s on a machine that is not busy"
        if silent is spec.Queue.Declare:
            asker.join(30)
            assert not asker.is_alive()


@pytest.mark.parametrize(
    "use",
    [
        lambda connection, _tag: connection.publish("x", [MESSAGE]),
        lambda connection, tag: connection.ack(Delivery(tag, 1, "x", "peaches", RawProperties(b"\0\0"), b"")),
    ],
)
def test_nothing_is_written_behind_the_end_of_its_channel(use, monkeypatch):
    """A thread that is about to write when the connection closes writes nothing: brokers answer that with 504."""
    checked, saying_goodbye, errors = threading.Event(), threading.Event(), []
    send = Connection._send

    def send_late(connection, *arguments):
        checked.set()
        assert saying_goodbye.wait(30)
        try:
            send(connection, *arguments)
        except ConnectionLost as error:
            errors.append(error)
            raise

    with FakeBroker(spec.Channel.Close) as fake:
        connection = connect(fake)
        tag = connection.consume("x", print)
        monkeypatch.setattr(Connection, "_send", send_late)

        def write():
            with suppress(ConnectionLost):
                use(connection, tag)

        writer = threading.Thread(target=write)
        closer = threading.Thread(target=connection.close)
        writer.start()
        assert checked.wait(30)
        closer.start()
        fake.wait_for(spec.Channel.Close)
        saying_goodbye.set()
        writer.join(30)
        closer.join(30)
    assert [str(error) for error in errors] == [f"the connection to the broker at {connection.address} is closed"]
    assert fake.frames.empty()


def test_it_may_be_closed_on_its_own_thread():
    """A callback may close the connection; it does not wait for itself."""
    with FakeBroker() as fake:
        connection = connect(fake)
        done = threading.Event()
        connection.call_later(0, lambda: (connection.close(), done.set()))
        assert done.wait(30)


def test_a_channel_that_the_broker_closes_ends_the_connection(lost):
    """What failed raises why, and the owner learns of it."""
    with FakeBroker(spec.Queue.Declare) as fake:
        connection = connect(fake, on_lost=lost)
        answer = threading.Thread(
            target=lambda: (
                fake.wait_for(spec.Queue.Declare),
                fake.send(spec.Channel.Close(405, "RESOURCE_LOCKED - queue 'x'", 50, 10), channel=1),
            )
        )
        answer.start()
        with pytest.raises(NameTaken, match="RESOURCE_LOCKED"):
            connection.declare_queue("x")
        assert lost.happened.wait(30)
        assert type(lost.errors[0]) is NameTaken
        answer.join()
        connection.close()


def test_a_consumer_that_the_broker_cancels_ends_the_connection(lost):
    """If its queue is gone: everything is declared again."""

    def refuse(method):
        return (404, "NOT_FOUND") if isinstance(method, spec.Queue.Declare) and method.passive else None

    with FakeBroker(refuse=refuse) as fake:
        connection = connect(fake, on_lost=lost)
        tag = connection.consume("x", print)
        fake.send(spec.Basic.Cancel(tag, True), channel=1)
        assert lost.happened.wait(30)
        assert "queue was deleted" in str(lost.errors[0])
        connection.close()


def test_a_broker_that_takes_no_messages_says_why(caplog):
    """A memory alarm is remembered and logged, once when it comes and once when it goes."""
    with FakeBroker() as fake:
        connection = connect(fake)
        fake.send(spec.Connection.Blocked("low on memory"))
        assert eventually(lambda: connection.blocked)
        assert connection.blocked == "low on memory"
        fake.send(spec.Connection.Unblocked())
        assert eventually(lambda: not connection.blocked)
        assert [record.getMessage().partition(" messages ")[2] for record in caplog.records] == [
            "for now: low on memory",
            "again",
        ]
        connection.close()


def test_heartbeats_are_sent():
    """A connection on which nothing happens sends signs of life, as often as the broker may expect."""
    with FakeBroker(heartbeat=1) as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port, heartbeat_s=1))
        connection.open()
        start = time.monotonic()
        for _ in range(2):
            fake.wait_for(frame.Heartbeat)
        assert time.monotonic() - start < 10, "1 s on a machine that is not busy"
        connection.close()


def test_a_broker_without_heartbeats_is_lost(lost):
    """A peer that is silent for two intervals is given up, though the socket looks well."""
    with FakeBroker(heartbeat=1) as fake:
        connection = Connection(BrokerAddress(fake.host, fake.port, heartbeat_s=1), on_lost=lost)
        start = time.monotonic()
        connection.open()
        assert lost.happened.wait(30)
        assert time.monotonic() - start > 1.4
        # Pika's own checker takes 6 to 12 s, and says something else.
        assert "nothing came from it for 1.8 s, not even heartbeats" in str(lost.errors[0])
        connection.close()


def test_a_port_for_tls_is_recognized():
    """Who hangs up at our greeting, with or without an alert of TLS, wants TLS perhaps."""
    for alert in (b"", b"\x15\x03\x03\x00\x02\x02\x46"):
        with FakeBroker(spec.Connection.Start) as fake:
            connection = Connection(BrokerAddress(fake.host, fake.port, connect_timeout_s=30))
            hanging_up = threading.Thread(
                target=lambda fake=fake, alert=alert: (
                    fake.greeted.wait(30),
                    fake.send_bytes(alert),
                    fake.hang_up(),
                )
            )
            hanging_up.start()
            with pytest.raises(BrokerUnreachable, match=r"use --tls \(tls: true, or broker: amqps"):
                connection.open()
            hanging_up.join()


def test_no_thread_waits_for_a_broker_that_is_gone():
    """Whoever waits for an answer or a confirm is told of the end at once."""
    with FakeBroker(spec.Queue.Unbind) as fake:
        connection = connect(fake)
        (slot,) = connection.publish_confirmed("alerts", [MESSAGE])
        errors = []

        def unbind():
            with pytest.raises(ConnectionLost) as caught:
                connection.unbind("q", "requests", "key")
            errors.append(caught.value)

        asker = threading.Thread(target=unbind)
        asker.start()
        fake.wait_for(spec.Queue.Unbind)
        fake.hang_up()
        asker.join(30)
        assert len(errors) == 1
        with pytest.raises(ConnectionLost):
            slot.wait(30)
        assert connection.wait_for_confirms(0)
        connection.close()
