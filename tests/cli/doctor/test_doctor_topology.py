"""`dl doctor` names what an operator deleted on the broker, instead of blaming the instrument."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from contract.meshes import Mesh, fresh_mesh, serving
from support.deletions import Operator
from support.ports import free_port
from support.traffic import Doubling, Listener, Sender
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.core import Service
from dripline.testing.faults import Faults
from dripline.transport.address import BrokerAddress

from .helpers import line_with


@pytest.fixture(params=["embedded", "rabbitmq"])
def operated(request: pytest.FixtureRequest, shell) -> Iterator[tuple[Mesh, Operator]]:
    """A mesh on each broker in turn whose services do not repair it, and an operator who deletes things."""
    with EmbeddedBroker(port=free_port()) as broker:
        faults = Faults(broker) if request.param == "embedded" else None
        address = BrokerAddress(broker.host, broker.port) if faults else request.getfixturevalue("rabbitmq")
        with fresh_mesh(address, self_check_interval_s=0) as mesh:
            settings = {**mesh.settings, "self_check_interval_s": 10}  # as the doctor reads them
            lines = [f"{key}: {json.dumps(value)}\n" for key, value in settings.items()]
            (shell.home / ".dripline_mesh.yaml").write_text("".join(lines))
            yield mesh, Operator(mesh, faults)


@contextmanager
def ready(service: Service) -> Iterator[Service]:
    """Let a service run that has reached itself, so that it sends nothing more of its own accord."""
    with serving(service):
        assert eventually(service._dripline_is_ready)
        yield service


@pytest.mark.parametrize("which", ["requests", "alerts"])
def test_a_missing_exchange_is_named(shell, operated, which) -> None:
    """Also when nobody named a service: members always declare both."""
    mesh, operator = operated
    name = getattr(mesh, which)
    with ready(Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)) as service:
        operator.delete_exchange(name)
        for words in ([], [service.name]):
            done = shell.run("dl", "doctor", *words)
            assert done.returncode == 1
            line = line_with("broken ", done.stdout)
            assert f"exchange is missing: {name!r}" in line
            assert "wait 10 s (self_check_interval_s)" in line


def test_both_exchanges_missing_while_a_service_runs_is_broken(shell, operated) -> None:
    """Its queue shows that it is there; without a name nobody can know."""
    mesh, operator = operated
    with ready(Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)) as service:
        operator.delete_exchange(mesh.requests)
        operator.delete_exchange(mesh.alerts)
        done, unnamed = (shell.run("dl", "doctor", *words) for words in ([service.name], []))
    assert done.returncode == 1
    assert f"exchanges are missing: {mesh.requests!r} and {mesh.alerts!r}" in line_with("broken ", done.stdout)
    assert unnamed.returncode == 0


def test_a_missing_binding_of_a_service_is_named(shell, operated) -> None:
    """The queue exists, and is not bound."""
    mesh, operator = operated
    with ready(Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)) as service:
        operator.unbind(mesh.requests, service.name, f"{service.name}.#")
        done = shell.run("dl", "doctor", service.name)
    assert done.returncode == 3
    line = line_with("broken ", done.stdout)
    assert f"its queue {service.name!r} is not bound to routing key {service.name!r}" in line
    assert repr(mesh.requests) in line
    assert "instrument" not in done.stdout


def test_a_missing_binding_of_an_endpoint_is_named(shell, operated) -> None:
    """Of one with the service's queue, and of one with a queue of its own."""
    mesh, operator = operated
    service = Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)
    service.add_child(Doubling(name=mesh.name("one")))
    service.add_async_child(Doubling(name=mesh.name("two")))
    with ready(service):
        operator.unbind(mesh.requests, service.name, f"{mesh.name('one')}.#")
        operator.unbind(mesh.requests, mesh.name("two"), f"{mesh.name('two')}.#")
        done = shell.run("dl", "doctor", service.name)
    assert f"no queue is bound to routing key {mesh.name('one')!r}" in done.stdout
    assert f"no queue is bound to routing key {mesh.name('two')!r}" in done.stdout
    assert "instrument" not in done.stdout


@pytest.fixture
def collecting(operated) -> Iterator[Listener]:
    """A durable consumer, and somebody who sends alerts."""
    mesh, _ = operated
    quiet = {"heartbeat_interval_s": 0, **mesh.login}
    listener = Listener(name=mesh.name("collector"), durable=True, **quiet)
    with ready(Service(mesh.name("source"), **quiet)) as source, ready(listener):
        sender = Sender(source, 20)
        sender.start()
        yield listener
        sender.end()
    with mesh.pika() as connection:
        connection.channel().queue_delete(f"{listener.name}.alerts")
        connection.channel().exchange_delete(f"{mesh.alerts}.durable")


def test_a_missing_durable_exchange_is_named(shell, operated, collecting) -> None:
    """With the queue that gets nothing."""
    mesh, operator = operated
    operator.delete_exchange(f"{mesh.alerts}.durable")
    done = shell.run("dl", "doctor", collecting.name)
    line = line_with("broken ", done.stdout)
    assert f"exchange '{mesh.alerts}.durable' is missing" in line
    assert f"'{collecting.name}.alerts'" in line


def test_a_missing_binding_between_exchanges_is_named(shell, operated, collecting) -> None:
    """The alerts of others show it: they reach one exchange and not the other."""
    mesh, operator = operated
    assert "broken " not in shell.run("dl", "doctor", collecting.name).stdout
    operator.unbind_exchange(mesh.alerts, f"{mesh.alerts}.durable")
    done = shell.run("dl", "doctor", collecting.name)
    assert f"exchange '{mesh.alerts}.durable' is not bound to {mesh.alerts!r}" in line_with("broken ", done.stdout)
