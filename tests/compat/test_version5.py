"""A package of version 5: `setup.py`, `__all__` put together of its parts, a version, classes over three bases."""

from __future__ import annotations

import pytest

SERVICE = "version5"


def test_its_service_knows_its_endpoints_when_it_is_made(ask):
    """They exist and know their service before the constructor's own lines run."""
    names = sorted(ask.laboratory.named(name) for name in ("heater_current", "thermometer"))
    assert ask.get("cryostat") == {"coolant": "nitrogen", "found": names}


def test_a_calibration_uses_the_packages_function(ask):
    """`@calibrate([function])`, the formula in the YAML."""
    ask.set("thermometer", 100)
    assert ask.get("thermometer") == {"value_raw": 100.0, "value_cal": 290.0}


def test_get_on_set_gives_the_new_reading(ask):
    """A set answers with what was read after it."""
    assert ask.set("thermometer", 50) == {"value_raw": 50.0, "value_cal": 295.0}


def test_attributes_set_before_the_base_class_are_kept(ask):
    """And can be read and set by messages."""
    assert ask.get("thermometer", "channel") == {"values": [3]}
    ask.set("thermometer", 0, "readings")
    ask.get("thermometer")
    assert ask.get("thermometer", "readings") == {"values": [1]}


def test_methods_take_values_in_order_and_by_name(ask):
    """As `dl-agent cmd` sends them."""
    assert ask.cmd("thermometer", "average", 1, 3, weight=3) == 2.5
    assert ask.cmd("thermometer", "average", first=4) == 2.0
    assert ask.cmd("cryostat", "refill", 5) == "5 l of nitrogen"


def test_nodes_made_from_python_are_read_back(ask):
    """`scarab.to_param(…).as_node()` inside a handler."""
    assert ask.cmd("thermometer", "whereabouts") == {"channel": 3, "bridge": "A"}


@pytest.mark.parametrize(
    ("operation", "arguments", "refusal"),
    [
        ("set", ("thermometer", -1), (304, "service_error_invalid_value")),
        ("set", ("heater_current", 9), (200, "that is too hot")),
        ("cmd", ("thermometer", "average"), (304, "first")),
        ("cmd", ("thermometer", "explode"), (306, "explode")),
        ("cmd", ("thermometer", "fall_apart"), (999, "no such key")),
    ],
)
def test_what_a_handler_raises_becomes_the_reply(ask, operation, arguments, refusal):
    """The code by its name, the message as given; and the service goes on."""
    code, message = ask.refusal(operation, *arguments)
    assert code == refusal[0]
    assert refusal[1] in message or code == 304
    assert ask.get("thermometer", "channel") == {"values": [3]}


def test_a_store_that_is_extended_keeps_its_value_in_the_same_place(ask):
    """Subclasses of `KeyValueStore` use `self._value`."""
    ask.set("heater_current", 1.5)
    assert ask.cmd("heater_current", "double") == 3.0
    assert ask.get("heater_current")["value_raw"] == 3.0


def test_its_version_travels_with_every_message(ask, laboratory):
    """`version` of the package, by the package's name."""
    done = laboratory.dl_agent("get", laboratory.named("cryostat"), "--json-print")
    assert done["sender_info"]["versions"]["dripline.extensions.cryostat"] == {
        "version": "2.3.1",
        "package": "lab/cryostat",
        "commit": "na",
    }
