"""A package over the SCPI classes, which replaces parts of them that have a leading underscore."""

from __future__ import annotations

import pytest
from support.waiting import eventually

SERVICE = "instruments"


def test_the_service_reads_its_socket_itself(ask):
    """With `_send_commands`, `_listen` and `_reconnect` of its own."""
    assert ask.get("supply") == {"identity": "Lab,Supply,1,2", "echo": False}
    assert ask.get("supply", "connections") == {"values": [1]}


def test_an_entity_talks_through_its_service(ask):
    """`self.service.send_to_device`, the answers joined."""
    ask.set("setpoint", 1.5)
    assert ask.get("volts") == {"value_raw": "1.5", "value_cal": 1500.0}
    assert ask.cmd("volts", "both")[0] == "1.5"


def test_a_simple_entity_is_extended(ask):
    """`cmd_base`, and the base's `on_set`."""
    ask.set("amps", 1.25)
    assert ask.get("amps")["value_raw"] == "1.25"
    assert ask.refusal("set", "amps", 3) == (300, "CURR is at most 2")


def test_a_format_entity_is_extended(ask):
    """What its `on_get` gives is taken further; its settings are where packages look for them."""
    ask.set("setpoint", 2.5)
    assert ask.get("setpoint")["value_raw"] == pytest.approx(5.0)
    assert ask.cmd("setpoint", "words") == ["VOLT?", "VOLT {};*OPC?", "(?P<value_raw>[-0-9.]+)", 7]


def test_the_connection_heals_through_the_packages_own_reconnect(ask, laboratory):
    """The device hung up: the next request is answered all the same."""
    before = ask.get("supply", "connections")["values"][0]
    laboratory.supply.disconnect()
    assert eventually(lambda: "value_raw" in ask.get("amps"), 60)
    assert ask.get("supply", "connections")["values"][0] > before
