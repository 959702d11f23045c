"""Packages outside of the namespace, announced by entry points: one names a class, one a package."""

from __future__ import annotations

SERVICE = "entry_points"


def test_an_entry_point_may_name_a_class(ask):
    """The YAML may use the entry point's name, or the class's."""
    assert ask.get("turbo") == {"value_raw": 10}
    assert ask.get("backing") == {"value_raw": 20}
    ask.set("turbo", "30")
    assert ask.get("turbo", "speed") == {"values": [30]}


def test_an_entry_point_may_name_a_package(ask):
    """The YAML may say which package is meant."""
    assert ask.set("gate", "open")["value_raw"] == "OPEN"
