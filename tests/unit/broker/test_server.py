"""EmbeddedBroker: starts, serves, stops, and leaves nothing behind."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pika
import pika.exceptions
import pytest
from support.ports import free_port

from dripline.broker import EmbeddedBroker


def connect(broker: EmbeddedBroker, **changes: object) -> pika.BlockingConnection:
    """A client of the broker."""
    return pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port, **changes))


def open_sockets() -> int:
    """How many sockets this process has."""
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum(link.is_socket() for link in links if link.exists())


def test_a_request_and_its_reply() -> None:
    """Started with a free port, it is where it says and routes messages."""
    with EmbeddedBroker(port=0) as broker, connect(broker) as client:
        channel = client.channel()
        channel.exchange_declare("requests", "topic")
        channel.queue_declare("my_store", exclusive=True, auto_delete=True)
        channel.queue_bind("my_store", "requests", "my_store.#")
        channel.basic_publish("requests", "my_store.peaches", b"{}")
        method, _, body = channel.basic_get("my_store", auto_ack=True)
        assert (method.routing_key, body) == ("my_store.peaches", b"{}")


def test_a_taken_port_is_the_callers_error() -> None:
    """The second broker on a port raises OSError with EADDRINUSE, the first goes on."""
    with EmbeddedBroker(port=0) as first:
        second = EmbeddedBroker(port=first.port)
        with pytest.raises(OSError, match="in use") as caught:
            second.start()
        assert caught.value.errno == errno.EADDRINUSE
        second.stop()
        connect(first).close()


def test_starting_twice_is_an_error() -> None:
    """A running broker cannot be started."""
    with EmbeddedBroker(port=0) as broker, pytest.raises(RuntimeError, match="runs already"):
        broker.start()


def test_stop_tells_the_clients_why() -> None:
    """Clients see 320 CONNECTION_FORCED."""
    broker = EmbeddedBroker(port=0)
    broker.start()
    client = connect(broker)
    channel = client.channel()
    broker.stop()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        channel.queue_declare("q")
    assert caught.value.reply_code == 320
    assert caught.value.reply_text.startswith("CONNECTION_FORCED")


def test_restart_on_the_same_port() -> None:
    """Stopped and started again, also with clients connected, it takes its old port and is empty."""
    broker = EmbeddedBroker(port=free_port())
    for _ in range(3):
        broker.start()
        port = broker.port
        client = connect(broker)
        client.channel().queue_declare("q", durable=True)
        broker.stop()
        assert broker.port == port
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker):
            client.process_data_events()
    broker.start()
    with connect(broker) as client, pytest.raises(pika.exceptions.ChannelClosedByBroker):
        client.channel().queue_declare("q", passive=True)
    broker.stop()
    broker.stop()


def test_nothing_is_left_behind() -> None:
    """No thread and no socket outlives the broker."""
    gc.collect()  # what earlier tests left is not to go meanwhile
    threads, sockets = set(threading.enumerate()), open_sockets()
    broker = EmbeddedBroker(port=0)
    broker.start()
    with socket.create_connection((broker.host, broker.port)) as client:
        client.sendall(b"AMQP\0\0\x09\x01")
        assert client.recv(1)
        broker.stop()
    assert set(threading.enumerate()) <= threads
    assert open_sockets() <= sockets
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port))


def test_localhost_is_one_port_on_all_its_addresses() -> None:
    """A name with several addresses is served on each of them that there is."""
    with EmbeddedBroker("localhost", port=0) as broker:
        for family, _, _, _, address in socket.getaddrinfo("localhost", broker.port, type=socket.SOCK_STREAM):
            if address[0] == broker.host:
                socket.create_connection(address[:2]).close()
            assert family in (socket.AF_INET, socket.AF_INET6)


def test_its_own_login_and_virtual_host() -> None:
    """Only the user and virtual host it was given are accepted."""
    with EmbeddedBroker(port=0, username="lab", password="s3cret", virtual_host="mesh") as broker:
        lab = pika.PlainCredentials("lab", "s3cret")
        connect(broker, credentials=lab, virtual_host="mesh").close()
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            connect(broker, virtual_host="mesh")
        with pytest.raises(pika.exceptions.ProbableAccessDeniedError, match="vhost / not found"):
            connect(broker, credentials=lab)


def test_passwords_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the right password nor a wrong one appears in the log or in the settings."""
    caplog.set_level(logging.DEBUG, logger="dripline.broker")
    with EmbeddedBroker(port=0, password="right-one") as broker:
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            connect(broker, credentials=pika.PlainCredentials("guest", "wrong-one"))
        connect(broker, credentials=pika.PlainCredentials("guest", "right-one")).close()
        assert "right-one" not in repr(broker._settings)
    ours = [record.getMessage() for record in caplog.records if record.name == "dripline.broker"]
    assert any("403" in line for line in ours)
    assert not any("-one" in line for line in ours)


def test_a_body_limit_of_its_own() -> None:
    """A message longer than allowed closes its channel with 406 and is not delivered."""
    with EmbeddedBroker(port=0, max_body_size=1000) as broker, connect(broker) as client:
        channel = client.channel()
        channel.confirm_delivery()
        channel.queue_declare("q")
        channel.basic_publish("", "q", bytes(1000))
        with pytest.raises(
            pika.exceptions.ChannelClosedByBroker, match="message size 1001 is larger than"
        ) as caught:
            channel.basic_publish("", "q", bytes(1001))
        assert caught.value.reply_code == 406
        assert client.channel().queue_declare("q", passive=True).method.message_count == 1


def test_a_failed_start_leaves_the_port_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the thread cannot run, start says so, and the next start works."""
    broker = EmbeddedBroker(port=0)
    with monkeypatch.context() as patch:
        patch.setattr("asyncio.run", lambda coroutine: coroutine.close())
        with pytest.raises(RuntimeError, match="could not start"):
            broker.start()
    with broker:
        connect(broker).close()


def test_heartbeats_are_offered() -> None:
    """A client that leaves the choice to the broker gets its interval."""
    with EmbeddedBroker(port=0, heartbeat_s=7) as broker, connect(broker) as client:
        assert client._impl.params.heartbeat == 7


def test_a_forgotten_broker_does_not_hold_the_process() -> None:
    """A program that ends without stop() ends."""
    program = "from dripline.broker import EmbeddedBroker; EmbeddedBroker(port=0).start()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_refusal_that_the_client_waits_for_is_only_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    """The client reports it. What it does not wait for, such as publishing, is seen nowhere else."""
    caplog.set_level(logging.INFO, "dripline.broker")
    with EmbeddedBroker(port=0) as broker, connect(broker) as client, connect(broker) as other:
        client.channel().queue_declare("mine", exclusive=True)
        for refused in (
            lambda channel: channel.exchange_declare("missing", passive=True),
            lambda channel: channel.queue_declare("missing", passive=True),
            lambda channel: channel.queue_declare("mine"),
            lambda channel: channel.queue_bind("missing", "missing"),
            lambda channel: channel.exchange_declare("amq.topic", "direct"),
            lambda channel: channel.basic_get("missing"),
        ):
            with pytest.raises(pika.exceptions.ChannelClosedByBroker):
                refused(other.channel())
        assert of_broker(caplog) == []
        channel = other.channel()
        channel.basic_publish("missing", "x", b"")
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            channel.queue_declare("q", exclusive=True)
    assert ["no exchange 'missing'" in message for message in of_broker(caplog)] == [True]


def of_broker(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the broker logged, without what pika says of the same."""
    return [record.getMessage() for record in caplog.records if record.name == "dripline.broker"]
