"""What a broker refuses in the ordinary course of things is nothing that a log should show, on both brokers."""

from __future__ import annotations

import logging

import pytest

from dripline.core import AlertConsumer, MsgAlert, Service
from dripline.errors import NameTaken

from .meshes import fresh_mesh, serving

REFUSALS = ("NOT_FOUND", "RESOURCE_LOCKED", "PRECONDITION_FAILED", "ACCESS_REFUSED")


@pytest.fixture
def refusals(caplog, monkeypatch):
    """All log lines about refusals, those of pika included, as a program with ``basicConfig`` has them."""
    monkeypatch.setattr(logging.getLogger("pika"), "disabled", False)
    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith("pika."):
            monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: [line for line in caplog.messages if any(word in line for word in REFUSALS)]


def test_a_service_that_logs_without_any_durable_consumer(broker, refusals):
    """Each connection looks for the exchange of durable consumers, which most meshes do not have."""
    with fresh_mesh(broker) as mesh, serving(Service(mesh.name("s"), **mesh.login)) as service:
        assert service.send(MsgAlert.create(1, "sensor_value.x")).successful_send
    assert refusals() == []


def test_a_name_that_is_taken(broker, refusals):
    """It is tried again for a while, in case the former service is just ending; the error is the report."""
    with fresh_mesh(broker) as mesh, serving(Service(mesh.name("s"), **mesh.login)), pytest.raises(NameTaken):
        Service(mesh.name("s"), **mesh.login).run()
    assert refusals() == []


def test_a_durable_consumer(broker, refusals):
    """Its queue is declared with the arguments of newer brokers first."""
    with fresh_mesh(broker, durable=["c"]) as mesh:
        for _ in range(2):
            with serving(AlertConsumer(name=mesh.name("c"), durable=True, **mesh.login)):
                pass
    assert refusals() == []
