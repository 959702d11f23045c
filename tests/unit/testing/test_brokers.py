"""dripline.testing.brokers: the address of a broker for tests."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from support.certificates import Certificates

from dripline.broker import EmbeddedBroker
from dripline.broker.listening import ServerTls
from dripline.core import Interface
from dripline.errors import BrokerError, ConfigurationError
from dripline.testing import Services, broker_for_tests
from dripline.testing.brokers import address_of
from dripline.transport.address import BrokerAddress, TlsSettings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("amqp://lab", BrokerAddress("lab")),
        ("amqp://lab/", BrokerAddress("lab")),
        ("amqp://lab/%2f", BrokerAddress("lab")),
        ("amqp://lab:5673/test", BrokerAddress("lab", 5673, "test")),
        ("amqp://ada:p%40s%2Fs@[::1]:5672/a%20b", BrokerAddress("::1", 5672, "a b", "ada", "p@s/s")),
        ("amqp://ada@lab", BrokerAddress("lab", username="ada")),
        ("amqps://lab", BrokerAddress("lab", 5671, tls=TlsSettings())),
        (
            "amqps://me:s@lab:99/x?verify=false",
            BrokerAddress("lab", 99, "x", "me", "s", tls=TlsSettings(verify=False)),
        ),
        ("amqps://lab?ca_file=a%20b.pem", BrokerAddress("lab", 5671, tls=TlsSettings("a b.pem"))),
    ],
)
def test_addresses(url: str, address: BrokerAddress) -> None:
    """All but the host can be left out; what is special in an address is written with %."""
    assert address_of(url) == address


@pytest.mark.parametrize("url", [
    "lab", "lab:5672", "amqp://", "amqp://me:s3cret@lab:x", "http://me:s3cret@lab", "amqp://me:s3cret@lab?ca_file=x",
    "amqps://me:s3cret@lab?ca_fil=x", "amqps://me:s3cret@lab?x", "amqps://me:s3cret@lab?verify=3",
])  # fmt: skip
def test_what_is_none(url: str) -> None:
    """The error shows how one looks, and no secret."""
    with pytest.raises(ConfigurationError, match="amqp://guest:guest@localhost:5672/") as caught:
        address_of(url)
    assert "s3cret" not in str(caught.value)


def test_an_embedded_broker_has_a_mesh_of_its_own() -> None:
    """Two at a time do not know each other."""
    with broker_for_tests() as one, broker_for_tests() as other:
        assert one.port != other.port
        assert one.mesh["broker_port"] == one.port
        assert one.login["dripline_mesh"] is one.mesh
        assert repr(one) == f"<embedded broker at 127.0.0.1:{one.port}>"


def test_tests_run_on_a_broker_with_tls(tmp_path: Path) -> None:
    """Services, clients, and what deletes the exchanges afterwards use what the address says."""
    certificates = Certificates(tmp_path)
    server = certificates.server
    with EmbeddedBroker(port=0, tls=ServerTls(server.certificate, server.key)) as embedded:
        url = f"amqps://127.0.0.1:{embedded.port}?ca_file={quote(certificates.ca, safe='')}"
        with broker_for_tests(url) as broker, Interface(**broker.login) as client:
            services = Services(broker, broker.mesh, client)
            services({"name": "store"})
            client.cmd("store", "ping")
            services.stop()
        with pytest.raises(BrokerError, match="is not trusted"), broker_for_tests(url.partition("?")[0]):
            pass
