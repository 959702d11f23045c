"""What extensions say about the secrets they need."""

from __future__ import annotations

from dripline.implementations import BaseAddAuthSpec
from scarab import MainApp


class AddAuthSpec(BaseAddAuthSpec):
    """As a package brings it."""

    def __init__(self, app: MainApp) -> None:
        BaseAddAuthSpec.__init__(self, app)
        app.add_default_auth_spec_group("camera", {"pin": {"default": "0000", "env": "LAB_CAMERA_PIN"}})


def test_a_subclass_registers_its_groups(monkeypatch):
    """They are looked up with all others: first in the environment, else the default."""
    app = MainApp()
    assert AddAuthSpec(app).app is app
    app.auth.process_spec()
    assert app.auth.get("camera", "pin") == "0000"
    monkeypatch.setenv("LAB_CAMERA_PIN", "1234")
    app.auth.process_spec()
    assert app.auth.get("camera", "pin") == "1234"


def test_the_base_alone_registers_nothing():
    """A package without secrets may use it as it is."""
    app = MainApp()
    BaseAddAuthSpec(app)
    assert app.auth.spec.to_python() in ({}, None)
