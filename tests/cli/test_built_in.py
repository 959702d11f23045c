"""dripline's own classes in the list."""

from __future__ import annotations

from importlib.metadata import metadata

import pytest

from dripline.cli.extensions import text_of
from dripline.config.suggest import pip_install
from dripline.discovery import inventory
from dripline.discovery.inventory import BuiltIn, built_in


def test_every_class_for_a_configuration_is_there_with_its_documentation():
    """Services and endpoints; no client, message or helper."""
    found = {one.name: one for one in built_in()}
    assert found["Entity"] == BuiltIn("Entity", "endpoint", "An endpoint whose value can be logged.")
    assert {"Service", "AlertConsumer", "KeyValueStore", "HTTPServer"} <= set(found)
    assert not {"Interface", "MsgRequest", "ThrowReply", "BaseAddAuthSpec"} & set(found)
    assert all(one.doc and one.kind in ("service", "endpoint") for one in found.values())


def test_extras_that_are_told_exist():
    """As `pip install` knows them; and the classes that need them do."""
    extras = set(metadata("dripline").get_all("Provides-Extra"))
    assert set(inventory._MODULE_OF) <= extras
    assert set(inventory._NEEDS.values()) <= set(inventory._MODULE_OF)


def test_a_class_whose_library_is_missing_says_what_to_install(monkeypatch):
    """In the place of its documentation."""
    monkeypatch.setitem(inventory._MODULE_OF, "visa", "no_such_library")
    found = {one.name: one for one in built_in()}
    assert found["VISAService"].missing == pip_install("visa")
    assert f"service   needs {pip_install('visa')}" in text_of([], [found["VISAService"]])


@pytest.mark.parametrize("columns", [40, 80])
def test_no_line_is_longer_than_the_terminal(monkeypatch, columns):
    """It would be broken anywhere."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = text_of([], built_in()).splitlines()
    assert lines[0] == "no extension is installed"
    assert max(map(len, lines)) <= columns
