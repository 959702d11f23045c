"""The fixtures of dripline.testing on both brokers."""

from __future__ import annotations

import pytest
from support.member import fresh

from dripline.core import Entity, calibrate
from dripline.errors import ErrorReply, NoRoute

pytestmark = pytest.mark.usefixtures("no_leaks")


class Furnace(Entity):
    """Keeps a temperature."""

    temperature = 293

    @calibrate()
    def on_get(self):
        """The temperature."""
        return self.temperature

    def on_set(self, value):
        """Heats."""
        self.temperature = value


def test_a_service_is_asked(dripline_service, dripline_client):
    """From the moment on at which it was started."""
    name = fresh()
    dripline_service(Furnace, name=name, calibration="{} - 273")
    dripline_client.set(name, 283)
    assert dripline_client.get(name) == {"value_raw": 283, "value_cal": 10}
    with pytest.raises(ErrorReply):
        dripline_client.cmd(name, "melt")


def test_a_service_is_ready_when_the_test_has_it(dripline_service, dripline_client):
    """It has reached itself too: no question of its own is in the way of the test's."""
    for _ in range(10):
        name = fresh()
        dripline_service({"name": name})
        assert dripline_client.get(name, specifier="health")["ready"] is True


def test_what_a_service_logs_is_recorded(dripline_service, dripline_alerts):
    """Nothing is missed, since the recording began before."""
    name = fresh()
    alerts = dripline_alerts(f"sensor_value.{name}")
    dripline_service(Furnace, name=name, log_interval=1000)
    (alert,) = alerts.wait_for(1)
    assert (alert.routing_key, alert.plain_payload) == (f"sensor_value.{name}", {"value_raw": 293})


def test_a_service_is_gone_when_it_is_stopped(dripline_service, dripline_client):
    """Its name is free again."""
    name = fresh()
    for _ in range(2):
        dripline_service({"name": name})
        dripline_client.cmd(name, "ping")
        dripline_service.stop()
        with pytest.raises(NoRoute):
            dripline_client.cmd(name, "ping")


def test_meshes_are_apart(dripline_mesh, broker):
    """Each test has exchanges of its own, also on a broker that others use."""
    assert {dripline_mesh["requests_exchange"], dripline_mesh["alerts_exchange"]}.isdisjoint(
        {"requests", "alerts"}
    )
    assert (dripline_mesh["broker"], dripline_mesh["broker_port"]) == (broker.host, broker.port)
