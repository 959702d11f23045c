"""The pytest fixtures: broker, services, clients, alerts, instruments.

Every pytest run of whoever has dripline installed imports this module, so it imports next to nothing itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dripline.core.interface import Interface
    from dripline.simulation import Instrument
    from dripline.testing.alerts import RecordedAlerts
    from dripline.testing.brokers import Broker
    from dripline.testing.faults import Faults
    from dripline.testing.services import Services

_OPTION = "--dripline-broker"
_VARIABLE = "DRIPLINE_TEST_BROKER"
_LEAKS = "dripline_no_leaks"
_TIMEOUT_S = 10.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests run on a broker that is there."""
    parser.getgroup("dripline").addoption(
        _OPTION,
        metavar="URL",
        help="broker that tests use, such as amqp://guest:guest@localhost:5672/test; "
        f"else {_VARIABLE}, else each test has an embedded one",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Tell which broker is used, when it is not the usual one."""
    url = _broker_url(config)
    return f"dripline: tests use the broker at {_without_login(url)}" if url else None


@pytest.fixture
def dripline_broker_options() -> dict[str, Any]:
    """Arguments of the embedded broker that a test has; a fixture of the same name gives others.

    ::

        @pytest.fixture
        def dripline_broker_options():
            return {"compatibility": rabbitmq("4.3")}   # from dripline.broker

    On a broker that is not the test's own, tests with options are skipped.
    """
    return {}


@pytest.fixture
def dripline_broker(request: pytest.FixtureRequest, dripline_broker_options: dict[str, Any]) -> Iterator[Broker]:
    """A broker of the test's own, with ``host``, ``port``, ``mesh`` and ``login``.

    ``stop()`` and ``start()`` show how a service takes the loss of its broker::

        def test_a_service_comes_back(dripline_broker, dripline_service, dripline_client):
            dripline_service("furnace.yaml")
            dripline_broker.stop()
            dripline_broker.start()
            ...

    With ``--dripline-broker=URL`` or DRIPLINE_TEST_BROKER it is the one there, and the exchanges are the test's.
    """
    _leaks_are_looked_for_around(request)
    from contextlib import ExitStack

    from dripline.errors import BrokerError, ConfigurationError
    from dripline.testing.brokers import alone_on, broker_for_tests

    url = _broker_url(request.config)
    if url and dripline_broker_options:
        pytest.skip(f"the broker at {_without_login(url)} is not the test's own: it cannot be given options")
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(broker_for_tests(url, **dripline_broker_options))
        except (BrokerError, ConfigurationError) as error:
            pytest.fail(f"{_OPTION}: {error}", pytrace=False)
        stack.enter_context(alone_on(broker))
        yield broker


@pytest.fixture
def dripline_faults(dripline_broker: Broker) -> Iterator[Faults]:
    """What can go wrong with the test's broker, and its connections and messages; undone at the end of the test.

    ::

        def test_a_service_comes_back(dripline_faults, dripline_service, dripline_client):
            dripline_service("furnace.yaml")
            dripline_faults.restart(keep="nothing", down_s=0.5)
            dripline_faults.drop_replies(count=1)
            ...

    On a broker that is not the test's own, tests with this fixture are skipped.
    """
    from dripline.testing.faults import Faults

    faults = Faults(dripline_broker.own())
    yield faults
    faults.undo()


@pytest.fixture
def dripline_mesh(dripline_broker: Broker) -> dict[str, Any]:
    """Settings that lead to the test's broker, for ``dripline_mesh=`` of services and clients.

    A fixture of the same name changes them for all others::

        @pytest.fixture
        def dripline_mesh(dripline_mesh):
            return {**dripline_mesh, "max_payload_size": 500}
    """
    return dict(dripline_broker.mesh)


@pytest.fixture
def dripline_client(dripline_broker: Broker, dripline_mesh: dict[str, Any]) -> Iterator[Interface]:
    """A client on the test's broker: an `Interface` with a time limit of 10 s, which asks services as scripts do.

    ::

        def test_a_furnace_answers(dripline_service, dripline_client):
            dripline_service("furnace.yaml")
            assert dripline_client.get("furnace")["value_raw"] == 293
    """
    from dripline.core.interface import Interface

    with Interface(**{**dripline_broker.login, "dripline_mesh": dripline_mesh}, timeout_s=_TIMEOUT_S) as client:
        yield client


@pytest.fixture
def dripline_service(
    request: pytest.FixtureRequest,
    dripline_broker: Broker,
    dripline_mesh: dict[str, Any],
    dripline_client: Interface,
) -> Iterator[Services]:
    """Starts services on the test's broker; they can be reached at once, and are stopped at the end of the test.

    ::

        def test_two_services(dripline_service):
            dripline_service("furnace.yaml", **{"endpoints.0.limit": 600})   # a file, and what counts instead
            dripline_service({"name": "s", "endpoints": [...]})              # what could stand in a file
            dripline_service(PowerSupply, name="supply", voltage=12)         # a class and its arguments
            dripline_service(Furnace, name="furnace")                        # an endpoint: a service around it

    A file is looked for beside the test, in pytest's root folder and in the working folder. A service that cannot
    run fails the test with its reason.
    """
    from dripline.testing.services import Services

    services = Services(dripline_broker, dripline_mesh, dripline_client, _folders(request))
    yield services
    services.stop()


@pytest.fixture
def dripline_alerts(
    dripline_broker: Broker, dripline_mesh: dict[str, Any]
) -> Iterator[Callable[..., RecordedAlerts]]:
    """Records alerts from the moment on when it is called with their binding keys.

    ::

        def test_a_reading_is_logged(dripline_service, dripline_alerts):
            alerts = dripline_alerts("sensor_value.#")
            dripline_service("furnace.yaml")
            alerts.wait_for(2)
            assert alerts.payloads[0]["value_raw"] == 293
    """
    from dripline.config.mesh import MeshSettings
    from dripline.runtime.client import MeshClient
    from dripline.testing.alerts import RecordedAlerts

    settings = MeshSettings.from_dict(dripline_mesh)
    with MeshClient(settings, dripline_broker.username, dripline_broker.password) as client:

        def record(*keys: str) -> RecordedAlerts:
            recorded = RecordedAlerts(keys or ("#",))
            client.monitor((), keys or ("#",), recorded.take)
            return recorded

        yield record


@pytest.fixture
def scpi_instrument(request: pytest.FixtureRequest) -> Iterator[Callable[..., Instrument]]:
    """Starts simulated instruments, from a description or a file of one; they listen at a free port.

    ::

        def test_a_voltage_is_set(scpi_instrument, dripline_service, dripline_client):
            supply = scpi_instrument({"values": {"VOLT": {"initial": 5}}})
            dripline_service("supply.yaml", socket_info=supply.address)
            dripline_client.set("voltage", 12)
            assert supply.values["VOLT"] == 12
    """
    _leaks_are_looked_for_around(request)
    from contextlib import ExitStack

    from dripline.errors import ConfigurationError
    from dripline.testing.services import instrument

    with ExitStack() as stack:

        def start(description: Any) -> Instrument:
            __tracebackhide__ = True
            try:
                return stack.enter_context(instrument(description, _folders(request)))
            except ConfigurationError as error:
                raise pytest.fail.Exception(str(error), pytrace=False) from None

        yield start


@pytest.fixture
def dripline_no_leaks() -> Iterator[None]:
    """Fails a test that leaves threads or sockets behind.

    ::

        pytestmark = pytest.mark.usefixtures("dripline_no_leaks")   # for all tests of a file
    """
    from dripline.testing.leaks import nothing_left_behind

    try:
        with nothing_left_behind():
            yield
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)


def _broker_url(config: pytest.Config) -> str | None:
    url: str | None = config.getoption(_OPTION) or os.environ.get(_VARIABLE)
    return url


def _without_login(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    place = rest.rpartition("@")[2].partition("?")[0]
    return f"{place} (TLS)" if scheme == "amqps" else place


def _folders(request: pytest.FixtureRequest) -> tuple[Path, ...]:
    """Where the files that a test names are looked for."""
    return request.path.parent, request.config.rootpath, request.config.invocation_params.dir


def _leaks_are_looked_for_around(request: pytest.FixtureRequest) -> None:
    """Have the search for leaks begin before a fixture and end after it, in whatever order a test names them."""
    if _LEAKS in request.fixturenames:
        request.getfixturevalue(_LEAKS)
