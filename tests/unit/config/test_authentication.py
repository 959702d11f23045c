"""Where the login at the broker comes from."""

from __future__ import annotations

import pytest

from dripline.config.authentication import broker_of, make_authentication, read_auth_file
from dripline.errors import ConfigurationError
from scarab import Authentication


def _login(configuration: dict | None = None, auth_file: str | None = None) -> tuple[str, str]:
    auth = make_authentication(configuration or {}, auth_file)
    return auth.get("dripline", "username"), auth.get("dripline", "password")


def test_without_anything_everybody_is_guest():
    """As a fresh RabbitMQ has it."""
    assert _login() == ("guest", "guest")


def test_the_order_of_the_sources(write, monkeypatch):
    """Default, authentication file, environment, file, value: each wins over the ones before it."""
    auth_file = write("dripline: {username: from_auth_file, password: p1}\n", "auths.yaml")
    assert _login(auth_file=auth_file) == ("from_auth_file", "p1")
    monkeypatch.setenv("DRIPLINE_USER", "from_environment")
    monkeypatch.setenv("DRIPLINE_PASSWORD", "p2")
    assert _login(auth_file=auth_file) == ("from_environment", "p2")
    secret = write("p3\n", "secret.txt")
    assert _login({"password": {"file": secret}}, auth_file) == ("from_environment", "p3")
    assert _login({"username": "me", "password": "p4"}, auth_file) == ("me", "p4")


def test_a_configuration_may_name_other_variables(monkeypatch):
    """`username` and `password` of a service are a text or a mapping."""
    monkeypatch.setenv("LAB_USER", "lab")
    configuration = {"username": {"env": "LAB_USER"}, "password": {"env": "NOT_SET", "default": "d"}}
    assert _login(configuration) == ("lab", "d")


def test_a_password_of_digits_is_text(write):
    """Nothing about a secret is interpreted."""
    assert _login({"password": 12345})[1] == "12345"
    assert _login(auth_file=write("dripline: {password: 0123}\n", "auths.yaml"))[1] == "0123"


def test_a_version_4_file_is_understood(write, monkeypatch):
    """The login stands in the group `amqp`, with the broker; the environment still wins."""
    file = write('{"amqp": {"broker": "rabbit", "username": "old", "password": "p"}}', "auths.json")
    assert _login(auth_file=file) == ("old", "p")
    assert broker_of(read_auth_file(file)) == "rabbit"
    monkeypatch.setenv("DRIPLINE_USER", "new")
    assert _login(auth_file=file) == ("new", "p")


def test_a_file_of_today_names_no_broker(write):
    """Only version 4 put it there."""
    assert broker_of(read_auth_file(write("dripline: {username: x}\n", "auths.yaml"))) is None


def test_further_groups_are_taken_along(write, monkeypatch):
    """Extensions specify theirs first; a group that nobody specified is taken as it is."""
    auth = Authentication()
    auth.add_groups({"postgres": {"username": {"env": "PG_USER", "default": "postgres"}}})
    monkeypatch.setenv("PG_USER", "pg")
    file = write("slack: {token: abc}\n", "auths.yaml")
    assert make_authentication({}, file, auth) is auth
    assert auth.get("postgres", "username") == "pg"
    assert auth.get("slack", "token") == "abc"


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"password": {"fil": "x"}}, "password: unknown key 'fil'; known: value, file, env, default"),
        ({"password": {"file": "nowhere"}}, "cannot read secrets from nowhere: No such file or directory"),
    ],
)
def test_a_mistake_in_the_login_is_told(write, configuration, message):
    """In one line, and never with a secret in it."""
    write("")
    with pytest.raises(ConfigurationError) as caught:
        make_authentication(configuration)
    assert str(caught.value) == message


def test_a_file_without_groups_is_told_and_not_quoted(write):
    """The text may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        read_auth_file(write("password: geheim\n", "auths.yaml"))
    assert "auths.yaml" in str(caught.value)
    assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"^nowhere\.yaml: there is no such file"):
        read_auth_file("nowhere.yaml")
