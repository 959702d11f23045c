"""What one client does, or fails to do, harms nobody else."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Iterator

import pika
import pika.exceptions
import pytest
from pika.spec import Basic, Channel, Confirm, Connection, Queue
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.broker import connection as connection_module

from .conftest import BrokerAddress
from .raw_client import RawClient, encode_frame
from .stage import Stage

MEGABYTE = 1024 * 1024


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """An embedded broker of the test's own, to look inside."""
    with EmbeddedBroker(port=0) as broker:
        yield broker


@pytest.fixture
def stage(own: EmbeddedBroker) -> Iterator[Stage]:
    """Clients of the broker to look inside."""
    stage = Stage(BrokerAddress(own.host, own.port))
    yield stage
    stage.close()


def unsent(broker: EmbeddedBroker) -> int:
    """Bytes that wait to be written to the slowest client."""
    assert broker._state is not None
    return max(each.transport.get_write_buffer_size() for each in broker._state.connections)


def is_free(stage: Stage, queue: str) -> bool:
    """Whether nobody else has a queue of that name."""
    stage.attempt("declare", stage.channel().queue_declare, queue, exclusive=True)
    return stage.log[-1][1] == "ok"


def deaf_client(stage: Stage) -> RawClient:
    """A client with a small receive buffer, that reads only when told."""
    client = RawClient(stage)
    client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.open()
    return client


def test_a_consumer_that_does_not_read(own: EmbeddedBroker, stage: Stage) -> None:
    """Its messages wait in the queue, not in the socket's buffer, and all come when it reads."""
    consumer, publisher = deaf_client(stage), stage.channel(confirms=True)
    publisher.queue_declare("slow")
    consumer.send(1, Basic.Consume(queue="slow", consumer_tag="t", no_ack=True))
    consumer.skip(1)
    body = bytes(100_000)
    for _ in range(300):
        publisher.basic_publish("", "slow", body)
        assert unsent(own) < MEGABYTE
    assert publisher.queue_declare("slow", passive=True).method.message_count > 200
    for number in range(300):
        consumer.skip(1)
        header, parts = consumer.raw_content()
        assert sum(map(len, parts)) == len(body), number
        assert struct.unpack_from(">Q", header, 4)[0] == len(body)
    consumer.close()


def test_a_client_that_asks_but_does_not_read(own: EmbeddedBroker, stage: Stage) -> None:
    """Its requests wait when too many answers are unread, and are all answered in the end."""
    client, publisher = deaf_client(stage), stage.channel(confirms=True)
    publisher.queue_declare("big")
    publisher.basic_publish("", "big", bytes(MEGABYTE))
    for _ in range(100):
        client.send(1, Basic.Get(queue="big"), Basic.Nack(0, True, True))
    publisher.queue_declare("big", passive=True)
    assert unsent(own) < 8 * MEGABYTE
    for _ in range(100):
        client.skip(1)
        _, parts = client.raw_content()
        assert sum(map(len, parts)) == MEGABYTE
    client.close()


def test_reading_goes_on_after_one_huge_answer(own: EmbeddedBroker, stage: Stage) -> None:
    """When one answer was too much, the next request is heard as soon as it has been read."""
    client, publisher = deaf_client(stage), stage.channel(confirms=True)
    publisher.queue_declare("huge")
    publisher.basic_publish("", "huge", bytes(32 * MEGABYTE))
    for _ in range(2):
        client.send(1, Basic.Get(queue="huge"))
        client.skip(1)
        _, parts = client.raw_content()
        assert sum(map(len, parts)) == 32 * MEGABYTE
        client.send(1, Basic.Nack(0, True, True))
    client.close()


def test_messages_that_never_end() -> None:
    """What has begun on all channels of a client is together no longer than one message may be."""
    with EmbeddedBroker(port=0, max_body_size=MEGABYTE) as small:
        stage = Stage(BrokerAddress(small.host, small.port))
        client = RawClient(stage)
        client.open()
        publish = pika.frame.Method(1, Basic.Publish(exchange="amq.fanout", routing_key="")).marshal()[7:-1]
        header = struct.pack(">HHQH", 60, 0, MEGABYTE, 0)
        piece = bytes(100_000)
        for number, pieces in ((1, 10), (2, 6), (3, 6)):
            if number > 1:
                client.send(number, Channel.Open())
                client.skip(1)
            client.send_bytes(encode_frame(1, number, publish) + encode_frame(2, number, header))
            for _ in range(pieces):
                client.send_bytes(encode_frame(3, number, piece))
            if number == 1:  # all of it is there: it counts no longer
                client.send_bytes(encode_frame(3, 1, bytes(MEGABYTE - pieces * len(piece))))
        client.read_close()
        client.close()
    assert stage.log[0][2]["reply_text"] == "RESOURCE_ERROR - unfinished messages take more than 1048576 bytes"


def test_confirms_in_a_window(broker: BrokerAddress) -> None:
    """A thousand messages sent in one go are all confirmed, by one acknowledgement each or for many."""
    stage = Stage(broker)
    client = RawClient(stage)
    client.open()
    client.send(1, Confirm.Select())
    client.skip(1)
    publish = pika.frame.Method(1, Basic.Publish(exchange="amq.fanout", routing_key="")).marshal()
    header = encode_frame(2, 1, struct.pack(">HHQH", 60, 0, 1, 0))
    client.send_bytes((publish + header + encode_frame(3, 1, b"x")) * 1000)
    confirmed = 0
    while confirmed < 1000:
        ack = client._next_frame().method
        assert ack.delivery_tag > confirmed
        assert ack.multiple or ack.delivery_tag == confirmed + 1
        confirmed = ack.delivery_tag
    client.close()


def test_ten_thousand_bindings_in_one_go(embedded: BrokerAddress) -> None:
    """Bindings sent with nowait are all in force when the next answer comes, and soon."""
    stage = Stage(embedded)
    queue = stage.name("many")
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue=queue, exclusive=True))
    client.send(
        1,
        *(
            Queue.Bind(queue=queue, exchange="amq.topic", routing_key=f"{queue}.{number}.#", nowait=True)
            for number in range(10_000)
        ),
    )
    client.send(1, Confirm.Select())
    client.skip(2)
    publisher = stage.channel()
    for number in (0, 4711, 9999):
        publisher.basic_publish("amq.topic", f"{queue}.{number}.x", b"", mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError):
        publisher.basic_publish("amq.topic", f"{queue}.10000.x", b"", mandatory=True)
    client.send(0, Connection.Close(200, "", 0, 0))
    client.skip(1)
    client.close()
    stage.close()


@pytest.mark.parametrize("said", [b"", b"AMQ", b"AMQP\0\0\x09\x01"])
def test_a_handshake_has_a_time_limit(
    own: EmbeddedBroker, said: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who connects and does not log in is dropped, with one line in the log."""
    monkeypatch.setattr(connection_module, "_HANDSHAKE_TIMEOUT_S", 0.05)
    stranger = socket.create_connection((own.host, own.port), timeout=30)
    stranger.sendall(said)
    while stranger.recv(4096):
        pass
    stranger.close()
    assert [record.getMessage().split(" ", 2)[2] for record in caplog.records] == [
        "did not complete the handshake in 0.05 s"
    ]


def test_silence_ends_the_connection(own: EmbeddedBroker, caplog: pytest.LogCaptureFixture) -> None:
    """Heartbeats are sent to an idle client; one that sends none is dropped after two intervals."""
    caplog.set_level(logging.WARNING, logger="dripline.broker")
    stage = Stage(BrokerAddress(own.host, own.port))
    client = RawClient(stage)
    client.log_in("guest", "guest")
    client.skip(1)
    begin = time.monotonic()
    client.send(0, Connection.TuneOk(2047, 131072, 1), Connection.Open("/"))
    client.skip(1)
    received = b""
    while data := client._socket.recv(4096):
        received += data
    assert 2.0 <= time.monotonic() - begin < 20.0
    assert received.count(b"\x08\x00\x00\x00\x00\x00\x00\xce") * 8 == len(received) > 0
    assert "missed its heartbeats" in caplog.text
    client.close()


def test_a_client_that_answers_heartbeats_stays(own: EmbeddedBroker) -> None:
    """A pika client with heartbeats of two seconds outlives several intervals of silence."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(own.host, own.port, heartbeat=2))
    connection.sleep(6.0)
    connection.channel().queue_declare("q")
    connection.close()


def test_hung_up_without_goodbye(broker: BrokerAddress) -> None:
    """A connection that is cut frees its exclusive queue, and its unacknowledged messages come again."""
    stage = Stage(broker)
    mine, shared = stage.name("mine"), stage.name("shared")
    other = stage.channel()
    other.queue_declare(shared)
    other.basic_publish("", shared, b"again")
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue=mine, exclusive=True), Basic.Get(queue=shared))
    client.skip(4)
    client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    stage.settle(other, shared, 1)
    method, _, body = other.basic_get(shared, auto_ack=True)
    assert (method.redelivered, body) == (True, b"again")
    other.queue_delete(shared)
    assert eventually(lambda: is_free(stage, mine))  # the queue goes a moment after the connection
    stage.close()
