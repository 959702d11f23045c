"""Configurations of version 4."""

from __future__ import annotations

from dripline.config.diagnostics import WARNING, Diagnostics
from dripline.config.source_map import SourceMap
from dripline.config.version_4 import converted


def test_settings_of_the_mesh_move_to_their_block(write):
    """From both places where version 4 had them; what today's block says wins."""
    tree = {
        "runtime-config": {"name": "s", "broker": "old", "broker_port": 5},
        "dripline": {"requests-exchange": "r", "auth-file": "x"},
        "dripline_mesh": {"broker": "new"},
    }
    found = Diagnostics()
    assert converted(tree, SourceMap(), found) == {
        "name": "s", "dripline_mesh": {"broker": "new", "broker_port": 5, "requests_exchange": "r"}
    }  # fmt: skip
    assert all(one.severity == WARNING for one in found)


def test_settings_that_moved_are_found_where_they_were_written(write):
    """Messages about them name the old place."""
    origin = SourceMap(write("runtime-config:\n  name: s\n  broker: lab\n"))
    converted({"runtime-config": {"name": "s", "broker": "lab"}}, origin, Diagnostics())
    assert origin.where(("dripline_mesh", "broker")) == "service.yaml:3:3"


def test_todays_configuration_stays_as_it_is():
    """And the tree that was given is not changed."""
    tree = {"name": "s", "dripline_mesh": None, "dripline": "a text"}
    found = Diagnostics()
    assert converted(tree, SourceMap(), found) == tree
    assert found == []
