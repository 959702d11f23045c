"""A network that passes nothing on any longer and does not say so, on both brokers."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace

import pytest
from support.proxy import Proxy

from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError, ConnectionLost
from dripline.runtime.client import MeshClient
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope
from dripline.wire.message import MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")

MESSAGE = [Envelope("x", b"\0\0", b"x" * 100_000)]


@pytest.fixture
def proxy(broker: BrokerAddress):
    """A network between connection and broker."""
    with Proxy(broker.host, broker.port) as proxy:
        yield proxy


def test_silence_is_noticed_within_two_heartbeats(broker: BrokerAddress, proxy: Proxy) -> None:
    """A connection on which heartbeats come stays; one on which they cease ends."""
    lost: queue.SimpleQueue[BrokerError] = queue.SimpleQueue()
    address = replace(broker, host=proxy.host, port=proxy.port, heartbeat_s=2)
    connection = Connection(address, on_lost=lost.put)
    connection.open()
    connection.declare_exchanges(["requests", "alerts"])
    with pytest.raises(queue.Empty):
        lost.get(timeout=4.5)
    proxy.freeze()
    start = time.monotonic()
    error = lost.get(timeout=30)
    assert time.monotonic() - start < 10  # 3.8; pika's own checker takes 12 to 24
    assert type(error) is ConnectionLost
    assert "nothing came from it for 3.5 s" in str(error)
    assert connection._pika is not None
    connection._pika.loop.thread.join(30)
    assert not connection._pika.loop.thread.is_alive()


def test_a_request_under_way_fails_with_the_cause(broker: BrokerAddress, proxy: Proxy) -> None:
    """Its sender waits no longer than the connection lives, though the timeout of the request is longer.

    Also when much was sent that nobody takes.
    """
    mesh = MeshSettings(proxy.host, proxy.port, broker.virtual_host, heartbeat_s=1)
    with MeshClient(mesh, broker.username, broker.password) as client:
        client.link.open()
        proxy.freeze()
        for _ in range(60):
            client.link.connection.publish("alerts", MESSAGE, mandatory=False)
        errors: queue.SimpleQueue[Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                client.request(MsgRequest.create(routing_key="nobody"), 60)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                errors.put(error)

        thread = threading.Thread(target=ask)
        start = time.monotonic()
        thread.start()
        error = errors.get(timeout=30)
        thread.join()
        assert isinstance(error, ConnectionLost)
        assert "nothing came from it" in str(error)
        assert time.monotonic() - start < 20
