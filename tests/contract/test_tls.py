"""Encrypted connections to both brokers: traffic, and what each side refuses.

One RabbitMQ node for all of it: to start one takes seconds.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.certificates import Certificate, Certificates
from support.proxy import Proxy
from support.rabbitmq_node import new_node

from dripline.broker import EmbeddedBroker
from dripline.broker.listening import ServerTls
from dripline.config.mesh import MeshSettings
from dripline.core import Endpoint, Interface, Service
from dripline.errors import BrokerError, BrokerUnreachable, ConfigurationError, ConnectionLost, LoginRefused
from dripline.transport.address import BrokerAddress, TlsSettings
from dripline.transport.connection import Connection
from dripline.wire.codec import Envelope

pytestmark = pytest.mark.usefixtures("no_leaks")

NO_PROPERTIES = b"\0\0"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@dataclass
class Stage:
    """A broker that wants certificates of its clients.

    Attributes:
        certificates: All there are.
        address: The broker, with what it accepts.
    """

    certificates: Certificates
    address: BrokerAddress

    def with_tls(self, **changes: object) -> BrokerAddress:
        """The address with another side of TLS."""
        assert self.address.tls is not None
        return replace(self.address, tls=replace(self.address.tls, **changes))  # type: ignore[arg-type]  # by name


def stage(certificates: Certificates, port: int) -> Stage:
    """A broker on a port of this machine."""
    client = certificates.client
    tls = TlsSettings(certificates.ca, client.certificate, client.key)
    return Stage(certificates, BrokerAddress("127.0.0.1", port, tls=tls))


@contextlib.contextmanager
def embedded(server: Certificate, client_ca: str | None = None) -> Iterator[EmbeddedBroker]:
    """An embedded broker with a certificate."""
    tls = ServerTls(server.certificate, server.key, client_ca)
    with EmbeddedBroker(port=0, tls=tls) as broker:
        yield broker


def refusal(address: BrokerAddress, kind: type[Exception] = LoginRefused) -> str:
    """The one line about a connection that does not come about."""
    with pytest.raises(kind) as caught:
        Connection(address).open()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- what holds on either broker -----------------------------------------------------------------------------


class _Echo(Endpoint):
    def on_get(self) -> str:
        return "x" * 50_000  # several chunks, several records


def a_service_answers(stage: Stage) -> None:
    """Settings of a mesh lead there, and requests and replies pass."""
    address, name = stage.address, f"tls-{uuid.uuid4().hex[:8]}"
    assert address.tls is not None
    mesh = {
        "broker": f"amqps://{address.host}:{address.port}/",
        "ca_file": address.tls.ca_file,
        "certificate_file": address.tls.certificate_file,
        "key_file": address.tls.key_file,
    }
    service = Service(name, dripline_mesh=mesh)
    service.add_child(_Echo(f"{name}-echo"))
    service.start()
    try:
        with Interface(dripline_mesh=mesh, timeout_s=20) as interface:
            assert interface.get(f"{name}-echo") == "x" * 50_000
    finally:
        service.stop()


def threads_write_while_messages_come(stage: Stage) -> None:
    """Many senders and one reader at full speed: everything arrives once, and nobody waits for ever."""
    count, size = 100, 20_000
    connection = Connection(stage.address)
    connection.open()
    try:
        connection.declare_exchanges(["requests", "alerts"])
        name, deliveries = connection.declare_queue(), queue.SimpleQueue[bytes]()
        connection.bind(name, "requests", [name])
        connection.consume(name, lambda delivery: deliveries.put(delivery.body), no_ack=True)

        def work(number: int) -> None:
            for at in range(count):
                body = f"{number}-{at}-".encode().ljust(size, b"x")
                connection.publish("requests", [Envelope(name, NO_PROPERTIES, body)], timeout_s=30)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        received = [deliveries.get(timeout=30) for _ in range(4 * count)]
        for thread in threads:
            thread.join(30)
        assert {len(body) for body in received} == {size}
        assert len(set(received)) == 4 * count
    finally:
        connection.close()


def strangers_are_refused(stage: Stage) -> None:
    """Without a certificate, with one of somebody else, or without TLS nobody gets as far as the password."""
    without = stage.with_tls(certificate_file=None, key_file=None)
    stranger = stage.certificates.stranger
    signed_by_another = stage.with_tls(certificate_file=stranger.certificate, key_file=stranger.key)
    for address, remedies in (
        (without, ("wants a certificate from us", "--certificate and --key")),
        (signed_by_another, (stranger.certificate, "an authority that")),
    ):
        with pytest.raises(BrokerError) as caught:  # the embedded broker hangs up without giving the reason
            Connection(address).open()
        assert all(remedy in str(caught.value) for remedy in remedies)
    assert "use --tls" in refusal(replace(stage.address, tls=None), BrokerUnreachable)


def a_broker_has_to_be_trusted(stage: Stage) -> None:
    """By an authority that we know; the remedy depends on whether one was named."""
    other = stage.certificates.other_ca
    assert f"not signed by what ca_file {other} holds" in refusal(stage.with_tls(ca_file=other))
    assert "--ca-file (ca_file)" in refusal(stage.with_tls(ca_file=None))
    assert "wrong name or password" in refusal(replace(stage.address, password="wrong"))


def silence_is_noticed(stage: Stage) -> None:
    """A half-open connection is given up within two intervals, also when it is encrypted."""
    lost = queue.SimpleQueue[BrokerError]()
    with Proxy(stage.address.host, stage.address.port) as proxy:
        connection = Connection(replace(stage.address, port=proxy.port, heartbeat_s=1), on_lost=lost.put)
        connection.open()
        try:
            proxy.freeze()
            error = lost.get(timeout=30)
            assert type(error) is ConnectionLost
            assert "nothing came from it for 1.8 s" in str(error)  # pika's own checker takes 6 to 12
        finally:
            connection.close()


def a_certificate_logs_in(stage: Stage) -> None:
    """Whose common name is that of a user needs no password; another one is refused."""
    client, server = stage.certificates.client, stage.certificates.server
    settings = {
        "broker": f"amqps://{stage.address.host}:{stage.address.port}",
        "ca_file": stage.certificates.ca,
        "auth_mechanism": "external",
    }
    mine = {"certificate_file": client.certificate, "key_file": client.key}
    connection = Connection(BrokerAddress.of(MeshSettings.from_dict({**settings, **mine}), "nobody", "wrong"))
    connection.open()
    connection.declare_queue()
    connection.close()
    nobodys = {"certificate_file": server.certificate, "key_file": server.key}
    text = refusal(BrokerAddress.of(MeshSettings.from_dict({**settings, **nobodys}), "guest", "guest"))
    assert f"refused the certificate in {server.certificate}: it needs a user of the name in it" in text


CHECKS: list[Callable[[Stage], None]] = [
    a_service_answers,
    threads_write_while_messages_come,
    strangers_are_refused,
    a_broker_has_to_be_trusted,
    silence_is_noticed,
]


def test_a_certificate_logs_in_at_the_embedded_broker(certificates: Certificates) -> None:
    """The user of the broker has that name."""
    server = certificates.server
    tls = ServerTls(server.certificate, server.key, certificates.ca)
    with EmbeddedBroker(port=0, username="lab", tls=tls) as broker:
        a_certificate_logs_in(stage(certificates, broker.port))


@pytest.mark.parametrize("check", CHECKS)
def test_the_embedded_broker(certificates: Certificates, check: Callable[[Stage], None]) -> None:
    """Each holds on the embedded broker."""
    with embedded(certificates.server, certificates.ca) as broker:
        check(stage(certificates, broker.port))


def test_rabbitmq(certificates: Certificates) -> None:
    """All of it holds on RabbitMQ."""
    server = certificates.server
    files = {"ca": certificates.ca, "certificate": server.certificate, "key": server.key, "verify": True}
    mechanisms = {f"auth_mechanisms.{n}": name for n, name in enumerate(("PLAIN", "AMQPLAIN", "EXTERNAL"), 1)}
    settings = {**mechanisms, "ssl_cert_login_from": "common_name"}
    with new_node(tls=files, settings=settings, plugins=["rabbitmq_auth_mechanism_ssl"]) as node:
        for check in CHECKS:
            check(stage(certificates, node.tls_port))
        node.ctl("add_user", "lab", "not to be guessed")
        node.ctl("set_permissions", "lab", ".*", ".*", ".*")
        a_certificate_logs_in(stage(certificates, node.tls_port))


# -- what only depends on us: on the embedded broker ----------------------------------------------------------


def test_a_certificate_that_has_expired(certificates: Certificates) -> None:
    """The text says whose it is, and that a clock may be to blame."""
    with embedded(certificates.expired) as broker:
        text = refusal(stage(certificates, broker.port).address)
    assert "its certificate has expired" in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_for_another_host(certificates: Certificates, host: str) -> None:
    """The name that was asked for is told, and -b."""
    with embedded(certificates.elsewhere) as broker:
        text = refusal(replace(stage(certificates, broker.port).address, host=host))
    assert f"not for {host!r}" in text
    assert "(-b)" in text


def test_without_verification_there_is_one_warning(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody is let in as the broker, which is said once for each."""
    with embedded(certificates.elsewhere) as broker:
        for _ in range(2):
            connection = Connection(BrokerAddress("127.0.0.1", broker.port, tls=TlsSettings(verify=False)))
            connection.open()
            connection.close()
    texts = [record.getMessage() for record in caplog.records if "verification is off" in record.getMessage()]
    assert len(texts) == 1


def test_the_brokers_own_certificate_may_be_the_authority(certificates: Certificates) -> None:
    """For a broker on a laptop one file is enough."""
    with embedded(certificates.server) as broker:
        connection = Connection(
            BrokerAddress("localhost", broker.port, tls=TlsSettings(certificates.server.certificate))
        )
        connection.open()
        connection.close()


def test_tls_where_there_is_none(certificates: Certificates, broker: BrokerAddress) -> None:
    """A plain port is recognized, and the two remedies are named."""
    text = refusal(replace(broker, tls=TlsSettings(certificates.ca)), BrokerUnreachable)
    assert "does not speak TLS" in text
    assert "5671 (-p)" in text
    assert "--no-tls" in text


def test_files_are_read_anew_for_each_connection(certificates: Certificates, tmp_path) -> None:
    """A certificate that was renewed is used at the next connection; one that is gone is named."""
    ca = tmp_path / "ca.pem"
    address = BrokerAddress("127.0.0.1", tls=TlsSettings(str(ca)))
    with embedded(certificates.server) as broker:
        address = replace(address, port=broker.port)
        assert str(ca) in refusal(address, ConfigurationError)
        ca.write_text(Path(certificates.ca).read_text())
        connection = Connection(address)
        connection.open()
        connection.close()
