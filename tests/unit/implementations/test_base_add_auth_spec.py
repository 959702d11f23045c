"""What extensions say about the secrets they need."""

from __future__ import annotations

from dripline.implementations import BaseAddAuthSpec, add_postgres_auth_spec, config
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


def test_the_base_registers_the_login_at_postgresql():
    """As in the reference; a package may say in its own way where that login comes from."""

    class Vault(BaseAddAuthSpec):
        def add_postgres_auth_spec(self, app: MainApp) -> None:
            app.add_default_auth_spec_group("postgres", {"username": {"default": "from the vault"}})

    app, other = MainApp(), MainApp()
    BaseAddAuthSpec(app)
    assert app.auth.spec["postgres"]["password"]["env"].to_python() == "POSTGRES_PASSWORD"
    Vault(other)
    assert other.auth.spec.to_python() == {"postgres": {"username": {"default": "from the vault"}}}


def test_a_function_registers_it_too():
    """Under each of its names."""
    app, other = MainApp(), MainApp()
    add_postgres_auth_spec(app)
    config.add_postgres_auth_spec(other)
    assert app.auth.spec == other.auth.spec
    assert sorted(app.auth.spec["postgres"].as_node().keys()) == ["password", "username"]
