"""Login and mesh settings of what is made in Python."""

from __future__ import annotations

import pytest

import scarab
from dripline.core import DL_Success, ThrowReply, create_dripline_auth_spec, get_return_codes_dict
from dripline.core._credentials import authentication, mesh_settings
from dripline.errors import ConfigurationError


def login(*words, **kwargs):
    """Name and secret."""
    found = authentication(*words, **kwargs)
    return found.get("dripline", "username"), found.get("dripline", "password")


def test_the_login_is_guest_unless_something_else_is_said():
    """As everywhere."""
    assert login(None, None, None) == ("guest", "guest")


def test_the_login_may_come_from_the_environment(monkeypatch):
    """DRIPLINE_USER and DRIPLINE_PASSWORD."""
    monkeypatch.setenv("DRIPLINE_USER", "anna")
    assert login(None, None, None) == ("anna", "guest")


def test_name_and_secret_are_texts_or_say_where_they_come_from(tmp_path, monkeypatch):
    """A dict with any of value, file, env, default."""
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("WHO", "bob")
    assert login({"env": "WHO"}, {"file": str(tmp_path / "secret")}, None) == ("bob", "s3cret")
    assert login("carl", {"env": "MISSING", "default": "d"}, None) == ("carl", "d")


def test_a_processed_authentication_is_used_as_it_is():
    """Other groups of it as well."""
    given = scarab.Authentication()
    given.add_groups({"dripline": create_dripline_auth_spec(), "postgres": {"user": {"default": "pg"}}})
    given.process_spec()
    assert authentication(None, None, given) is given


def test_mesh_settings_are_those_of_the_home_unless_given(home):
    """`~/.dripline_mesh.yaml` says what the call does not say."""
    (home / ".dripline_mesh.yaml").write_text("broker: lab\nbroker_port: 5671\n")
    settings = mesh_settings({"broker": "other"})
    assert (settings.broker, settings.broker_port) == ("other", 5671)
    assert mesh_settings(None).broker == "lab"


def test_an_unknown_setting_is_an_error():
    """With the nearest known one."""
    with pytest.raises(ConfigurationError, match="did you mean 'broker'"):
        mesh_settings({"brokr": "x"})


def test_return_codes_of_a_mesh_become_known():
    """They can be thrown by name; a second service of the process may give the same ones."""
    codes = [{"name": "oven_error_too_hot", "value": 1234, "description": "Too hot"}]
    for _ in range(2):
        mesh_settings({"return_codes": codes})
    assert ThrowReply("oven_error_too_hot", "hot").return_code.value == 1234
    assert get_return_codes_dict()["oven_error_too_hot"].description == "Too hot"

    from dripline.core import DL_OvenErrorTooHot

    assert DL_OvenErrorTooHot().value == 1234


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "other", "value": DL_Success.value},
        {"name": "success", "value": 2000},
        {"name": "other"},
        {"name": "other", "value": "many"},
    ],
)
def test_a_return_code_that_cannot_be_is_an_error(entry):
    """Its value or name is taken, or it is none."""
    with pytest.raises(ConfigurationError, match="return_codes"):
        mesh_settings({"return_codes": [entry]})
