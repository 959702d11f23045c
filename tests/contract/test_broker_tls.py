"""The embedded broker while TLS is being agreed on: who stalls, and restarts in that moment."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
from support.certificates import Certificates

from dripline.broker import EmbeddedBroker, server
from dripline.broker.listening import ServerTls

from .conftest import BrokerAddress
from .raw_client import RawClient
from .stage import Stage


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def broker(certificates: Certificates) -> Iterator[EmbeddedBroker]:
    """One that speaks TLS."""
    with EmbeddedBroker(port=0, tls=ServerTls(certificates.server.certificate, certificates.server.key)) as broker:
        yield broker


def half_way(broker: EmbeddedBroker) -> socket.socket:
    """A client whom the broker has accepted, and who has not said anything of TLS yet."""
    client = socket.create_connection((broker.host, broker.port), timeout=10)
    while not broker.call(lambda state: _waiting_handshakes(state.loop)):
        pass
    return client


def _waiting_handshakes(loop: object) -> int:
    scheduled = loop._scheduled  # type: ignore[attr-defined]  # asyncio's own: the only trace of such a client
    return sum("handshake" in repr(handle) and not handle.cancelled() for handle in scheduled)


def encrypted(client: socket.socket, certificates: Certificates) -> ssl.SSLSocket:
    """The rest of the way."""
    return ssl.create_default_context(cafile=certificates.ca).wrap_socket(client, server_hostname="localhost")


def test_who_stalls_is_dropped(
    broker: EmbeddedBroker, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that connects and says nothing of TLS is gone soon."""
    broker.stop()
    monkeypatch.setattr(server, "_TLS_HANDSHAKE_S", 0.2)
    broker.start()
    with half_way(broker) as client:
        assert client.recv(1) == b""


def test_nobody_gets_in_while_it_is_away(broker: EmbeddedBroker, certificates: Certificates) -> None:
    """Who was on the way when the port was closed is sent off."""
    with half_way(broker) as client:
        broker.suspend()
        assert is_sent_off(client, certificates)
    assert broker.call(lambda state: len(state.connections)) == 0


def test_who_comes_through_afterwards_finds_what_is_there_now(
    broker: EmbeddedBroker, certificates: Certificates
) -> None:
    """The broker was restarted without its state meanwhile: the client must not work in what was."""
    with half_way(broker) as client:
        broker.suspend(keep="nothing")
        broker.resume()
        stage = Stage(BrokerAddress(broker.host, broker.port))
        raw = RawClient.__new__(RawClient)
        raw._stage, raw._input = stage, b""
        raw._socket = encrypted(client, certificates)
        raw.open()
        assert broker.call(lambda state: next(iter(state.connections)).vhost is state.vhost)


def is_sent_off(client: socket.socket, certificates: Certificates) -> bool:
    """Whether the connection ends before it is open."""
    try:
        secure = encrypted(client, certificates)
        secure.sendall(b"AMQP\0\0\x09\x01")
        return secure.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
