"""Where the login at the broker comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dripline.config.authentication import broker_of, check_secret, make_authentication, read_auth_file
from dripline.core import Service
from dripline.errors import ConfigurationError
from dripline.implementations import PostgreSQLInterface, SensorLogger
from dripline.implementations.postgres_interface import login_of
from dripline.testing.brokers import address_of
from dripline.web.http_server import HTTPServer
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


EMPTY = ["", " ", "\t\n ", "\n", "\u00a0", "\ufeff", "\ufeff \r\n", "\u200b"]

# Who needs a secret, by the name of its setting: the variable, and what reads it when it is given in some form.
READERS: dict[str, tuple[str, Callable[..., object]]] = {
    "username": ("DRIPLINE_USER", lambda **given: make_authentication(given)),
    "password": ("DRIPLINE_PASSWORD", lambda **given: make_authentication(given)),
    "http_token": ("DRIPLINE_HTTP_TOKEN", lambda **given: HTTPServer(**given)),
    "http_username": ("DRIPLINE_HTTP_USER", lambda **given: HTTPServer(http_password="p", **given)),
    "http_password": ("DRIPLINE_HTTP_PASSWORD", lambda **given: HTTPServer(http_username="u", **given)),
}


@pytest.fixture(params=READERS)
def secret(request: pytest.FixtureRequest) -> str:
    """The setting of each secret."""
    return str(request.param)


def read(secret: str, given: Any = None) -> None:
    """Read a secret as a program does; without a value it comes from the environment."""
    READERS[secret][1](**({} if given is None else {secret: given}))


@pytest.mark.parametrize("text", EMPTY)
def test_an_empty_variable(secret: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual one, as a compose file sets it without a value: the error names it and says what to do."""
    variable = READERS[secret][0]
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError, match=rf"{variable} is empty; set it .* or unset it"):
        read(secret)


@pytest.mark.parametrize("text", EMPTY)
def test_an_empty_variable_that_the_configuration_names(
    secret: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise, with the setting before it."""
    monkeypatch.setenv("LAB_SECRET", text)
    with pytest.raises(ConfigurationError, match=rf"^{secret}: .*LAB_SECRET is empty"):
        read(secret, {"env": "LAB_SECRET"})


@pytest.mark.parametrize("text", EMPTY)
def test_an_empty_file(secret: str, text: str, tmp_path: Any) -> None:
    """A file with nothing but white space in it; the error names it."""
    (tmp_path / "secret").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"^{secret}: .*{tmp_path}/secret is empty"):
        read(secret, {"file": str(tmp_path / "secret")})


@pytest.mark.parametrize("text", EMPTY)
@pytest.mark.parametrize("form", [None, "value", "file", "env", "default"])
def test_an_empty_value(secret: str, text: str, form: str | None) -> None:
    """A value that is empty, or the empty name of a file or variable, or a default."""
    with pytest.raises(ConfigurationError, match=rf"^{secret}: .*is? empty"):
        read(secret, text if form is None else {form: text})


@pytest.mark.parametrize("given", [None, {}, {"value": None}, {"file": None}])
def test_a_key_without_a_value(given: Any) -> None:
    """``password:`` and nothing after it, which YAML reads as null; `make_authentication` takes it from a file."""
    with pytest.raises(ConfigurationError, match=r"^password: .*is empty"):
        make_authentication({"password": given})


def test_in_python_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument that was not given is no empty one."""
    service = Service("s", username=None, password=None, dripline_mesh={"broker": "nowhere"})
    assert service.auth.get("dripline", "username") == "guest"
    with pytest.raises(ConfigurationError, match="username: it is empty"):
        Service("s", username="", dripline_mesh={"broker": "nowhere"})


@pytest.mark.parametrize("text", ["''", '"  "', ""])
@pytest.mark.parametrize("item", ["dripline.username", "dripline.password", "amqp.password", "slack.token"])
def test_an_empty_item_of_the_authentication_file(write: Any, item: str, text: str) -> None:
    """Whichever group it is in, and whether or not somebody specified it: an extension may read it."""
    group, name = item.split(".")
    file = write(f"{group}:\n  other: x\n  {name}: {text}\n", "auths.yaml")
    with pytest.raises(ConfigurationError, match=rf"auths\.yaml: {group}\.{name} is empty"):
        make_authentication({}, file)


@pytest.mark.parametrize("name", ["auths.json", "auths.yaml"])
@pytest.mark.parametrize("item", ["dripline.username", "dripline.password", "amqp.password", "slack.token"])
def test_an_item_of_the_authentication_file_that_is_null(write: Any, item: str, name: str) -> None:
    """In JSON, which YAML contains, as a key without a value in YAML."""
    group, key = item.split(".")
    file = write(f'{{"{group}": {{"other": "x", "{key}": null}}}}', name)
    with pytest.raises(ConfigurationError, match=rf"{name}: {group}\.{key} is empty"):
        make_authentication({}, file)


def test_secrets_of_extensions(monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    """What `add_auth_spec` registers is checked likewise, except a default, which says that it may be missing."""
    specification = {"slack": {"token": {"env": "SLACK_TOKEN", "default": ""}}}
    auth = Authentication()
    auth.add_groups(specification)
    make_authentication({}, None, auth)
    assert auth.get("slack", "token") == ""
    monkeypatch.setenv("SLACK_TOKEN", "")
    with pytest.raises(ConfigurationError, match="SLACK_TOKEN is empty"):
        make_authentication({}, None, auth)
    monkeypatch.delenv("SLACK_TOKEN")
    for given in ({"value": " "}, {"file": write("\n", "secret.txt")}):
        auth.add_groups({"slack": {"token": given}})
        with pytest.raises(ConfigurationError, match=r"slack\.token has an empty value|secret\.txt is empty"):
            make_authentication({}, None, auth)


@pytest.mark.parametrize("text", EMPTY)
@pytest.mark.parametrize("variable", ["POSTGRES_USER", "POSTGRES_PASSWORD"])
def test_the_login_at_postgresql(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found when a service is made, not when it first writes; what is not set is nothing."""
    monkeypatch.delenv("POSTGRES_USER", raising=False)
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)
    assert login_of(Authentication()) == (None, None)
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError, match=rf"{variable} is empty"):
        PostgreSQLInterface("database", "server")
    logger = SensorLogger("postgresql://server/database", name="l", dripline_mesh={"broker": "nowhere"})
    with pytest.raises(ConfigurationError, match=rf"{variable} is empty"):
        logger.start()


@pytest.mark.parametrize("login", ["joe:@", ":secret@", "joe:%20@", "%20:secret@"])
def test_the_login_in_an_address_of_a_database(login: str) -> None:
    """An address put together from a variable that is not set; the error shows no secret."""
    with pytest.raises(ConfigurationError, match=r"has an empty (name|password)") as caught:
        SensorLogger(f"postgresql://{login}server/database", name="l", dripline_mesh={"broker": "nowhere"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("login", ["guest:@", ":guest@", ":@"])
def test_the_login_in_an_address_of_a_broker_for_tests(login: str) -> None:
    """It is not taken for guest."""
    with pytest.raises(ConfigurationError, match="empty"):
        address_of(f"amqp://{login}localhost")


def test_a_stronger_source_makes_up_for_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not looked at may be empty: the value in the configuration is taken before the variable."""
    monkeypatch.setenv("DRIPLINE_PASSWORD", "")
    assert make_authentication({"password": "right"}).get("dripline", "password") == "right"


@pytest.mark.parametrize(
    "settings",
    [
        {"http_username": "lab"},
        {"http_password": "secret"},
        {"http_token": "t", "http_username": "lab"},
        {"http_token": "t", "http_username": ""},
        {"http_token": "t", "http_password": " "},
        {"http_token": {"env": "NOT_SET_AT_ALL"}},
    ],
)
def test_half_a_login_of_the_http_server(settings: dict[str, Any]) -> None:
    """A name without a password or the reverse, one of them empty, or a variable that is not there: no server."""
    with pytest.raises(ConfigurationError, match=r"^http_\w+"):
        HTTPServer(**settings)


@pytest.mark.parametrize("given", [0, "0", "  x ", 12345, {"value": 0}, False])
def test_what_is_not_empty(given: Any) -> None:
    """White space around a secret belongs to it, and a zero is something."""
    check_secret("password", given)
