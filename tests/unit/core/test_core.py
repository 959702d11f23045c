"""Clients that only send: what they take from configurations. With a broker they are tested in tests/contract."""

from __future__ import annotations

import json

import pytest

import scarab
from dripline.core import Core, DriplineConfig, Interface, MsgAlert, MsgRequest, ServiceConfig, op_t
from dripline.errors import ConfigurationError


def test_without_a_configuration_it_has_the_defaults():
    """Those of every member of a mesh."""
    core = Core()
    assert (core.address, core.port, core.username, core.password) == ("localhost", 5672, "guest", "guest")
    assert (core.requests_exchange, core.alerts_exchange) == ("requests", "alerts")
    assert (core.heartbeat_routing_key, core.max_payload_size) == ("heartbeat", 10000)
    assert (core.make_connection, core.max_connection_attempts) == (True, 10)


@pytest.mark.parametrize(
    "config",
    [
        {"broker": "lab", "broker_port": 7},
        {"broker": "lab", "broker-port": "7"},
        scarab.to_param({"broker": "lab", "broker-port": 7}),
        {"broker": scarab.ParamValue("lab"), "broker_port": scarab.ParamValue(7)},
        {**DriplineConfig().to_python(), "broker": "lab", "broker-port": 7},
        {"dripline_mesh": {"broker": "lab", "broker_port": 7}, "name": "x", "loop-timeout-ms": 5},
        {"dripline": {"broker": "lab", "broker-port": 7}},
    ],
)
def test_names_are_taken_as_either_version_writes_them(config, caplog):
    """Side by side or in a block, plain or as payload values; the old name wins over a default."""
    core = Core(config)
    assert (core.address, core.port) == ("lab", 7)
    assert caplog.text == ""


def test_the_configuration_of_a_service_will_do():
    """What is a service's is left out."""
    assert Core(ServiceConfig("my_store")).alerts_exchange == "alerts"


def test_what_is_unknown_is_told(caplog):
    """With the nearest name; the reference says nothing."""
    Core({"brokr": "lab"})
    assert "unknown 'brokr' is ignored; did you mean 'broker'?" in caplog.text


def test_a_value_that_cannot_be_used_is_an_error():
    """At once, and it names the setting."""
    with pytest.raises(ConfigurationError, match="broker_port"):
        Core({"broker_port": "many"})


@pytest.fixture
def auth_file(tmp_path):
    """A version 4 file of secrets."""
    path = tmp_path / "authentications.json"
    path.write_text(json.dumps({"amqp": {"broker": "lab", "username": "anna", "password": "secret"}}))
    return str(path)


@pytest.mark.parametrize("key", ["auth-file", "auth_file", "auths_file"])
def test_an_authentication_file_gives_login_and_broker(auth_file, key):
    """As in version 4."""
    core = Core({key: auth_file})
    assert (core.address, core.username, core.password) == ("lab", "anna", "secret")


def test_a_broker_that_is_named_elsewhere_wins(auth_file, home):
    """In the configuration, or in the user's mesh file."""
    assert Core({"auth-file": auth_file, "broker": "other"}).address == "other"
    (home / ".dripline_mesh.yaml").write_text("broker: house\n")
    assert Core({"auth-file": auth_file}).address == "house"


def test_an_authentication_is_used_as_it_is():
    """One that was processed already."""
    auth = scarab.Authentication()
    auth.add_groups({"dripline": {"username": "anna", "password": "secret"}})
    auth.process_spec()
    assert Core(auth=auth).username == "anna"
    assert Core({}, scarab.Authentication()).username == "guest"


def test_settings_may_be_changed_before_the_first_message():
    """They are plain attributes."""
    core = Core({"max_connection_attempts": 5})
    core.port, core.address, core.max_connection_attempts = 1, "127.0.0.1", 1
    sent = core.send(MsgRequest.create({}, op_t.get, "peaches"))
    assert not sent.successful_send
    assert "127.0.0.1:1" in sent.send_error_message
    core.close()


def test_a_core_that_sent_nothing_closes():
    """There is nothing to close."""
    Core().close()


class TestInterface:
    """Which of its two ways an interface was made in."""

    @pytest.mark.parametrize("login", [{"value": "anna"}, {"default": "anna", "env": "NOBODY_SETS_THIS"}, "anna"])
    def test_a_login_is_no_configuration(self, login):
        """A dict of `value`, `file`, `env`, `default` is a user's name."""
        assert Interface(login).username == "anna"

    @pytest.mark.parametrize(
        "interface",
        [
            lambda config: Interface(config),
            lambda config: Interface(config, True),
            lambda config: Interface(dripline_config=config),
            lambda config: Interface(scarab.to_param(config)),
        ],
    )
    def test_a_configuration_is_no_login(self, interface):
        """Whichever way it is given; version 4 had a flag behind it that did nothing."""
        made = interface({"broker": "lab", "broker-port": 7})
        assert (made.address, made.port, made.username) == ("lab", 7, "guest")

    def test_a_subclass_may_pass_one_on(self):
        """Also one with a method of its own that is called like ours."""

        class Client(Interface):
            def __init__(self):
                Interface.__init__(self, dripline_config={"broker-port": 1, "max-connection-attempts": 1})

            def get(self, endpoint, **kwargs):
                return Interface.get(self, endpoint, **kwargs)

        with pytest.raises(ConnectionError), Client() as client:
            client.get("peaches", timeout=100)

    def test_unknown_arguments_are_told(self):
        """In both ways."""
        with pytest.raises(TypeError, match="unknown argument 'timeut'"):
            Interface().get("x", timeut=3)
        with pytest.raises(TypeError, match="unknown argument 'timeut'"):
            Interface(dripline_config={}).get("x", timeut=3)
        with pytest.raises(TypeError, match="needs a specifier"):
            Interface().cmd("x")

    def test_nothing_is_sent_without_connection(self):
        """What would be is raised."""
        interface = Interface(dripline_config={})
        interface.make_connection = False
        with pytest.raises(RuntimeError, match="Thrown request"):
            interface.get("x")
        with pytest.raises(RuntimeError, match="Thrown alert"):
            interface.send(MsgAlert.create({}, "x"))
