"""A handler that requests an endpoint of its own service, as `self.service.get(...)` in packages."""

from __future__ import annotations

import pytest
from core.conftest import cmd, get

from dripline.core import Endpoint, Service

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}


@pytest.fixture
def service():
    """A service with an endpoint that asks its neighbour."""

    class Sum(Endpoint):
        def on_get(self):
            return self.service.get("peaches")["value_cal"] + 1

        def keep(self):
            values = [1, 2]
            self.service.set("peaches", values)
            values.append(3)
            return self.service.get("peaches", "log_interval")

        def careless(self):
            return self.service.get("nonsense")["value_raw"]

        def refused(self):
            return self.service.cmd("peaches", "no_such_method")

    service = Service("my_store", endpoints=[STORE, {**STORE, "name": "nonsense", "calibration": "x({})"}])
    service.add_child(Sum("sum"))
    return service


def test_it_is_answered_before_the_service_runs(service):
    """Constructors ask their own endpoints."""
    assert service.get("peaches") == {"value_raw": 0.75, "value_cal": 1.5}
    assert get(service.sync_children["sum"]).plain_payload == 2.5
    assert service.cmd("my_store", "ping") is None


def test_payloads_are_as_if_they_had_travelled(service):
    """Neither side holds a list of the other's, and what JSON cannot hold comes as text."""
    assert cmd(service.sync_children["sum"], "keep").plain_payload == {"values": ["0:00:00"]}
    assert service.sync_children["peaches"]._value == [1, 2]


def test_the_asker_is_known(service):
    """A lock tells who locked, also in the own house."""
    key = service.cmd("peaches", "lock")["key"]
    tag = service.get("peaches", "is-locked")["tag"]
    assert tag["service_name"] == "my_store"
    service.cmd("peaches", "unlock", lockout_key=key)


def test_an_error_is_raised_as_if_it_came_from_far(service):
    """And becomes the reply of the handler that asked."""
    reply = cmd(service.sync_children["sum"], "refused")
    assert reply.return_code == 999
    assert "no_such_method" in reply.return_message


def test_a_warning_stays_with_the_reply_it_belongs_to(service):
    """The handler that asked got it, and answers without."""
    assert cmd(service.sync_children["sum"], "careless").return_code == 0
