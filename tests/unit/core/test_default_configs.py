"""Default configurations, and the options of a program that change them."""

from __future__ import annotations

import pytest

import scarab
from dripline.core import DriplineConfig, Service, ServiceConfig, add_dripline_options, add_service_options
from dripline.core.default_configs import add_dripline_auth_spec

MESH = {
    "broker": "localhost",
    "broker_port": 5672,
    "requests_exchange": "requests",
    "alerts_exchange": "alerts",
    "max_payload_size": 10000,
    "heartbeat_routing_key": "heartbeat",
    "max_connection_attempts": 10,
}


def test_a_mesh_configuration_holds_the_defaults():
    """As a mapping of payload values, and as a dict."""
    config = DriplineConfig()
    assert isinstance(config, scarab.ParamNode)
    assert config.to_python() == MESH
    assert {**config}["broker"]().as_string() == dict(config)["broker"].to_python() == "localhost"


def test_the_users_mesh_file_is_in_it(home):
    """Unless it is not wanted."""
    (home / ".dripline_mesh.yaml").write_text("broker: lab\nreturn_codes: codes.yaml\n")
    assert DriplineConfig().to_python() == {**MESH, "broker": "lab", "return_codes": "codes.yaml"}
    assert DriplineConfig(read_mesh_file=False) == MESH


def test_a_service_is_made_of_its_configuration():
    """Which has its name, its settings and those of the mesh."""
    config = ServiceConfig("my_store")
    assert config["dripline_mesh"] == MESH
    service = Service(make_connection=False, **config.to_python())
    assert (service.name, service.heartbeat_interval_s) == ("my_store", 60)
    assert Service(make_connection=False, **ServiceConfig()).broadcast_key == "broadcast"


@pytest.fixture
def app():
    """A program with all options."""
    app = scarab.MainApp()
    add_dripline_options(app)
    add_service_options(app)
    return app


@pytest.mark.parametrize(
    ("words", "path", "value"),
    [
        ([], "dripline_mesh.broker", "localhost"),
        (["-b", "lab"], "dripline_mesh.broker", "lab"),
        (["--port", "7"], "dripline_mesh.broker_port", 7),
        (["--requests-exchange", "r"], "dripline_mesh.requests_exchange", "r"),
        (["--alerts-exchange", "a"], "dripline_mesh.alerts_exchange", "a"),
        (["--max-payload", "9"], "dripline_mesh.max_payload_size", 9),
        (["--heartbeat-routing-key", "h"], "dripline_mesh.heartbeat_routing_key", "h"),
        (["--max-connection-attempts", "2"], "dripline_mesh.max_connection_attempts", 2),
        (["-u", "anna"], "username.value", "anna"),
        (["--password", "p"], "password.value", "p"),
        (["--password-file", "/p"], "password.file", "/p"),
        (["--name", "my_store"], "name", "my_store"),
        (["--enable-scheduling"], "enable_scheduling", True),
        (["--broadcast-key", "b"], "broadcast_key", "b"),
        (["--message-wait-ms", "5"], "message_wait_ms", 5),
        (["--heartbeat-interval-s", "0"], "heartbeat_interval_s", 0),
    ],
)
def test_options_change_the_configuration(app, words, path, value):
    """The reference's options, and where they stand."""
    assert app.execute(["prog", *words]) == 0
    found = app.primary_config.to_python()
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_a_service_is_made_of_a_command_line(app):
    """The whole way."""
    assert app.execute(["prog", "-n", "my_store", "-u", "anna", "--alerts-exchange", "news"]) == 0
    service = Service(make_connection=False, **app.primary_config.to_python())
    assert (service.name, service.alerts_exchange) == ("my_store", "news")
    assert service.auth.get("dripline", "username") == "anna"


def test_the_login_is_registered(app, monkeypatch):
    """For a program that asks its own `auth`."""
    add_dripline_auth_spec(app)
    monkeypatch.setenv("DRIPLINE_USER", "anna")
    assert app.execute(["prog"]) == 0
    assert app.auth.get("dripline", "username") == "anna"
