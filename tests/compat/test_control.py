"""A service with several bases, whose constructors are called one by one; schedules, alerts in and out."""

from __future__ import annotations

import pytest
from support.waiting import eventually

from dripline.core import MsgAlert, Service

SERVICE = "control"


@pytest.fixture
def tell(laboratory):
    """Sends values of the oven as its sensor would."""
    sender = Service(f"oven-{laboratory.tail}", dripline_mesh=laboratory.mesh)
    sender.start()

    def send(value: float) -> None:
        key = f"sensor_value.{laboratory.named('oven')}"
        assert sender.send(MsgAlert.create({"value_raw": value}, key)).successful_send

    yield send
    sender.stop()


def test_an_alert_makes_the_loop_set_another_endpoint(ask, tell):
    """A request to an endpoint of its own, from `process_payload`."""
    ask.set("loop", 20, "target")
    tell(12.0)
    assert eventually(lambda: ask.get("power")["value_raw"] == 4.0, 60)
    tell(16.0)
    assert eventually(lambda: ask.get("power")["value_raw"] == 2.0, 60)
    expected = {"values": [[[12.0, 4.0], [16.0, 2.0]]]}
    assert eventually(lambda: ask.get("loop", "records") == expected)  # a moment after the set


def test_each_base_got_its_arguments(ask):
    """`length` is the second base's; both were given all keywords."""
    assert ask.get("loop", "length") == {"values": [2]}


def test_a_property_is_set_through_its_setter(ask):
    """The text of a message becomes the number that the package makes of it."""
    ask.set("loop", "31.5", "target")
    assert ask.get("loop", "target") == {"values": [31.5]}


def test_a_method_sends_an_alert(ask):
    """Its payload is made with `scarab.to_param`."""
    ask.set("loop", 20, "target")
    assert ask.cmd("loop", "step", 18) == 1.0


def test_a_schedule_runs_until_it_is_taken_off(ask):
    """`schedule(function, interval, start)`, and `unschedule` with what it gave."""
    assert ask.cmd("ticker", "begin") is True
    assert eventually(lambda: ask.get("ticker")["value_raw"] >= 3, 60)
    ask.cmd("ticker", "end")
    first, second = (ask.get("ticker") for _ in range(2))
    assert second["value_raw"] <= first["value_raw"] + 1
    assert second["value_cal"] == 10 * second["value_raw"]
