"""Brokers for tests: an embedded one per test, or an existing one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dripline.config.mesh import TLS_FILES, MeshSettings
from dripline.config.overrides import read_word
from dripline.errors import ConfigurationError
from dripline.transport.address import BrokerAddress

if TYPE_CHECKING:
    from dripline.broker import EmbeddedBroker

_EXAMPLE = "amqp://guest:guest@localhost:5672/"
# What can stand behind the question mark of an address.
_FURTHER = {*TLS_FILES, "verify"}


class Broker:
    """A broker, and the mesh that a test has on it.

    Args:
        address: Where it is, and the login.
        mesh: Settings that lead there.
        embedded: The broker itself, when it is the test's own.

    Attributes:
        host: Where it listens.
        port: Likewise.
        username: Who may log in.
        password: With this secret.
        virtual_host: And where.
        mesh: For ``dripline_mesh=`` of services and clients.
    """

    def __init__(
        self, address: BrokerAddress, mesh: dict[str, Any], embedded: EmbeddedBroker | None = None
    ) -> None:
        self.address = address
        self.host, self.port, self.virtual_host = address.host, address.port, address.virtual_host
        self.username, self.password = address.username, address.password
        self.mesh = mesh
        self._embedded = embedded

    @property
    def is_embedded(self) -> bool:
        """Whether it is the test's own, so that it can be stopped and started."""
        return self._embedded is not None

    @property
    def login(self) -> dict[str, Any]:
        """Arguments for services and clients: ``Service("furnace", **dripline_broker.login)``."""
        return {"username": self.username, "password": self.password, "dripline_mesh": self.mesh}

    def stop(self) -> None:
        """End all connections and refuse new ones; on a broker that is not the test's own it is skipped."""
        self.own().stop()

    def start(self) -> None:
        """Listen again, at the same address, with nothing left of what was there."""
        self.own().start()

    def own(self) -> EmbeddedBroker:
        """Return the embedded broker itself; on a broker that is not the test's own the test is skipped."""
        if self._embedded is None:
            import pytest  # only tests stop a broker

            pytest.skip(f"the broker at {self.address} is not the test's own: it cannot be stopped here")
        return self._embedded

    def __repr__(self) -> str:
        return f"<{'embedded broker' if self.is_embedded else 'broker'} at {self.address}>"


@contextmanager
def broker_for_tests(url: str | None = None, **options: Any) -> Iterator[Broker]:
    """Have a broker while the block runs.

    Args:
        url: One that is there, as ``amqp://user:password@host:port/virtual_host`` or ``amqps://…``; none starts an
            embedded one.
        options: Arguments of the embedded broker, such as ``compatibility=rabbitmq("4.3")``.

    Yields:
        The broker. On one that is there the mesh has exchanges of its own, which are deleted afterwards.

    Raises:
        ConfigurationError: The address cannot be understood, or there are options for a broker that is there.
        BrokerUnreachable: Nobody listens there.
        LoginRefused: The broker refuses the login.
    """
    if url and options:
        raise ConfigurationError(
            f"the broker at {_hidden(url)} is not the test's own: it cannot be given {', '.join(options)}"
        )
    if url:
        address = address_of(url)
        _try_out(address)
        with own_exchanges(address) as mesh:
            yield Broker(address, mesh)
        return
    from dripline.broker import EmbeddedBroker  # brings asyncio's servers

    with EmbeddedBroker(**{"port": 0, **options}) as embedded:
        login = {key: options[key] for key in ("virtual_host", "username", "password") if key in options}
        address = BrokerAddress(embedded.host, embedded.port, **login)
        yield Broker(address, {**_settings(address), **_exchanges("")}, embedded)


@contextmanager
def alone_on(broker: Broker) -> Iterator[None]:
    """Let this process know one mesh only while the block runs.

    ``~/.dripline_mesh.yaml``, ``DRIPLINE_USER`` and ``DRIPLINE_PASSWORD`` of the person who runs the tests do not
    count. Whoever makes a service or an ``Interface()`` without settings gets to the test's broker.

    Args:
        broker: The broker whose mesh and login are the ones to be found.
    """
    import pytest  # only tests need it

    sources = import_module("dripline.config.load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "user_mesh_file", lambda: None)
        patch.setattr(sources, "home_mesh", lambda: dict(broker.mesh))
        patch.setenv("DRIPLINE_USER", broker.username)
        patch.setenv("DRIPLINE_PASSWORD", broker.password)
        yield


@contextmanager
def own_exchanges(address: BrokerAddress) -> Iterator[dict[str, Any]]:
    """Have settings of a mesh with exchanges that nobody else uses; they are deleted afterwards.

    Args:
        address: A broker that is there.
    """
    names = _exchanges(f"-{uuid.uuid4().hex[:10]}")
    try:
        yield {**_settings(address), **names}
    finally:
        _delete(address, names)


def address_of(url: str) -> BrokerAddress:
    """Read an address such as ``amqp://guest:guest@localhost:5672/lab``; all but the host can be left out.

    ``amqps://lab-broker/test?ca_file=lab-ca.pem`` is one with TLS; what can stand behind the question mark are the
    settings ``ca_file``, ``certificate_file``, ``key_file`` and ``verify`` of a mesh.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        parts = urlsplit(url)
        further = {
            key: read_word(value) for key, value in parse_qsl(parts.query, strict_parsing=bool(parts.query))
        }
        if parts.scheme not in ("amqp", "amqps") or not parts.hostname or not further.keys() <= _FURTHER:
            raise ValueError
        place = parts.netloc.rpartition("@")[2]
        if "" in (parts.username, parts.password):
            raise ConfigurationError("its name or password is empty")
        mesh = MeshSettings.from_dict({"broker": f"{parts.scheme}://{place}{parts.path}", **further})
    except (ValueError, ConfigurationError) as error:
        reason = f" ({error})" if isinstance(error, ConfigurationError) else ""
        raise ConfigurationError(
            f"{_hidden(url)} is no address of a broker{reason}; one looks like {_EXAMPLE}"
        ) from None
    return BrokerAddress.of(mesh, unquote(parts.username or "guest"), unquote(parts.password or "guest"))


def _hidden(url: str) -> str:
    """An address without the secret that may be in it."""
    before, at, behind = url.rpartition("@")
    return repr(f"{before.partition('//')[0]}//…@{behind}" if at else url)


def _settings(address: BrokerAddress) -> dict[str, Any]:
    settings = {
        "broker": address.host,
        "broker_port": address.port,
        "virtual_host": address.virtual_host,
        "max_connection_attempts": 1,  # it is there, or the test is over
    }
    if address.tls is not None:
        files = {key: value for key, value in asdict(address.tls).items() if value is not None}
        settings |= {"tls": True, **files}
    return settings


def _exchanges(suffix: str) -> dict[str, str]:
    return {"requests_exchange": f"requests{suffix}", "alerts_exchange": f"alerts{suffix}"}


def _try_out(address: BrokerAddress) -> None:
    from dripline.transport.connection import Connection

    connection = Connection(address, client="dripline tests")
    connection.open()
    connection.close()


def _delete(address: BrokerAddress, names: dict[str, str]) -> None:
    import pika  # what no member of a mesh does, our connection cannot do

    from dripline.transport.tls import client_context

    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            address.host,
            address.port,
            address.virtual_host,
            pika.PlainCredentials(address.username, address.password),
            ssl_options=pika.SSLOptions(client_context(address.tls), address.host) if address.tls else None,
        )
    )
    channel = connection.channel()
    for name in (*names.values(), f"{names['alerts_exchange']}.durable"):  # which a durable consumer makes
        channel.exchange_delete(name)
    connection.close()
