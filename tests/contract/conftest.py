"""The same tests against the embedded broker and against RabbitMQ."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.member import Member, fresh

from dripline.config.mesh import MeshSettings
from dripline.runtime.client import MeshClient
from dripline.testing import Broker, broker_for_tests, own_exchanges
from dripline.transport.address import BrokerAddress

from .waits import INTERVAL_S as PING_INTERVAL_S


@pytest.fixture(autouse=True)
def quiet_pika(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are what these tests provoke: pika need not report each."""
    monkeypatch.setattr(logging.getLogger("pika"), "disabled", True)
    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith("pika."):
            monkeypatch.setattr(logging.getLogger(name), "propagate", False)


@pytest.fixture(autouse=True)
def each_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services are shared between tests here: each test is to see the log lines that it provokes."""
    monkeypatch.setattr("dripline.runtime.rate_limited_log.EVERY_S", 0.0)


@pytest.fixture(scope="session")
def embedded() -> Iterator[BrokerAddress]:
    """An embedded broker, one for the session."""
    with broker_for_tests() as broker:
        yield broker.address


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[BrokerAddress]:
    """The running RabbitMQ, with a virtual host of the session's own when that can be had.

    A virtual host costs 1.2 s to make and to delete, so there is one for all tests, and tests use names nobody
    else has.
    """
    host, _, port = os.environ.get("DRIPLINE_TEST_RABBITMQ", "127.0.0.1:5672").rpartition(":")
    address = BrokerAddress(host, int(port))
    _skip_unless_reachable(address)
    vhost = f"dripline-test-{uuid.uuid4().hex[:8]}"
    if not _rabbitmqctl("add_vhost", vhost):
        yield address
        return
    try:
        assert _rabbitmqctl("set_permissions", "-p", vhost, address.username, ".*", ".*", ".*")
        yield replace(address, virtual_host=vhost)
    finally:
        _rabbitmqctl("delete_vhost", vhost)


@pytest.fixture(params=["embedded", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> BrokerAddress:
    """Each broker in turn."""
    address: BrokerAddress = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def dripline_broker(broker: BrokerAddress) -> Iterator[Broker]:
    """For the fixtures of `dripline.testing`, which build on this one: each broker in turn."""
    with own_exchanges(broker) as mesh:
        yield Broker(broker, mesh)


@pytest.fixture
def client(mesh: MeshSettings) -> Iterator[MeshClient]:
    """A client of the mesh that a module's fixture `mesh` describes."""
    with MeshClient(mesh) as client:
        yield client


@pytest.fixture
def member(mesh: MeshSettings) -> Iterator[Member]:
    """A member of that mesh that sends back what it is sent."""
    with Member(mesh, fresh()) as member:
        yield member


def _skip_unless_reachable(address: BrokerAddress) -> None:
    try:
        socket.create_connection((address.host, address.port), timeout=20).close()
    except OSError:
        missing = f"needs RabbitMQ at {address.host}:{address.port}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


def _rabbitmqctl(*words: str) -> bool:
    """Run rabbitmqctl; False when there is none for the broker under test, or it refuses."""
    program = shutil.which("rabbitmqctl")
    if program is None or "DRIPLINE_TEST_RABBITMQ" in os.environ:
        return False
    try:
        done = subprocess.run([program, "-q", *words], capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@pytest.fixture
def frequent_pings(monkeypatch):
    """So that these tests need not wait for long."""
    monkeypatch.setattr("dripline.runtime.liveness.INTERVAL_S", PING_INTERVAL_S)
    monkeypatch.setattr("dripline.runtime.pending_replies._FIRST_CHECK_S", 0.05)
