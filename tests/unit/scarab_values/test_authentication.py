"""Secrets."""

import traceback

import pytest

import scarab
from scarab import Authentication, AuthenticationError

VARIABLE = "TEST_DRIPLINE_SECRET"


@pytest.fixture
def auth(monkeypatch):
    """One item with a default and a variable that is not set."""
    monkeypatch.delenv(VARIABLE, raising=False)
    made = Authentication()
    made.add_item("dripline", "password", "from default", VARIABLE)
    return made


def password(auth):
    """Look up the password."""
    auth.process_spec()
    return auth.get("dripline", "password")


def test_each_source_is_stronger_than_the_one_before(auth, tmp_path, monkeypatch):
    """Default, authentication file, environment, file, value."""
    assert password(auth) == "from default"
    (tmp_path / "auth.yaml").write_text("dripline:\n  password: from auth file\n")
    auth.set_auth_file(str(tmp_path / "auth.yaml"))
    assert password(auth) == "from auth file"
    monkeypatch.setenv(VARIABLE, "from environment")
    assert password(auth) == "from environment"
    (tmp_path / "password").write_text("from file\n")
    auth.set_file("dripline", "password", str(tmp_path / "password"))
    assert password(auth) == "from file"
    auth.set_value("dripline", "password", "from value")
    assert password(auth) == "from value"


def test_groups_are_given_as_plain_python_or_payload_values():
    """Each in the place of what was there; a text is the secret itself."""
    auth = Authentication()
    auth.add_groups({"dripline": {"username": "ada", "password": {"default": "guest"}}})
    auth.add_groups(scarab.to_param({"slack": {"token": {"value": "abc"}}}))
    auth.process_spec()
    assert auth.data.to_python() == {
        "dripline": {"username": "ada", "password": "guest"},
        "slack": {"token": "abc"},
    }
    assert auth.spec["slack"].to_python() == {"token": {"value": "abc"}}


def test_a_specification_may_be_empty():
    """An item without any source is not found, and that is no error."""
    auth = Authentication()
    auth.add_group("dripline")
    auth.add_groups({"slack": {"token": None, "other": {}}, "empty": None})
    auth.process_spec()
    assert auth.has("slack")
    assert not auth.has("slack", "token")
    assert not auth.has("nowhere")
    assert not auth.has("nowhere", "item")


def test_what_was_not_found_is_a_key_error_or_the_default(auth):
    """With the names in it."""
    auth.process_spec()
    assert auth.get("dripline", "user", "guest") == "guest"
    assert auth.get("dripline", "password", "guest") == "from default"
    with pytest.raises(KeyError, match="'user' in group 'dripline'"):
        auth.get("dripline", "user")


def test_secrets_are_taken_as_they_are_written(tmp_path):
    """YAML's ideas of numbers and booleans do not change a password."""
    (tmp_path / "auth.yaml").write_text("amqp: {username: on, password: 0123, broker: 1e3, pin: 007, empty: ''}\n")
    auth = Authentication()
    auth.set_auth_file(str(tmp_path / "auth.yaml"))
    auth.process_spec()
    wanted = {"username": "on", "password": "0123", "broker": "1e3", "pin": "007", "empty": ""}
    assert auth.data["amqp"].to_python() == wanted


def test_files_of_version_4_are_read(tmp_path):
    """JSON with an `amqp` group, which nobody needs to have specified."""
    (tmp_path / "auth.json").write_text(
        '{\n\t"amqp": {"broker": "rabbit", "username": "ada", "password": "p\\u00e4ss", "port": 5672}\n}'
    )
    auth = Authentication()
    auth.set_auth_file(str(tmp_path / "auth.json"))
    auth.process_spec()
    assert auth.has("amqp", "broker")
    assert auth.get("amqp", "password") == "päss"
    assert auth.get("amqp", "port") == "5672"


def test_nothing_that_is_printed_shows_a_secret(auth, capsys):
    """Neither the object nor its data nor its specification."""
    auth.set_value("dripline", "password", "hunter2")
    auth.process_spec()
    for shown in (auth, auth.data, auth.spec):
        assert "hunter2" not in f"{shown} {shown!r}"
        assert "dripline: password" in f"{shown}"
    auth.spec = auth.spec
    auth.data = auth.data
    assert "hunter2" not in f"{auth.data} {auth.spec}"
    assert auth.get("dripline", "password") == "hunter2"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("dripline: [hunter2", "neither JSON nor YAML"),
        ("- hunter2", "it must be"),
        ("hunter2", "it must be"),
        ("dripline: hunter2", "dripline must be a mapping"),
        ("dripline: {password: [hunter2]}", r"dripline\.password must be one secret"),
        ('{"dripline": {"password": "hunter2"', "neither JSON nor YAML"),
    ],
)
def test_a_bad_file_is_told_without_its_content(tmp_path, content, reason):
    """The error names the file and shows no secret."""
    (tmp_path / "auth").write_text(content)
    auth = Authentication()
    auth.set_auth_file(str(tmp_path / "auth"))
    with pytest.raises(AuthenticationError, match=reason) as raised:
        auth.process_spec()
    assert str(tmp_path) in str(raised.value)
    # Nor does the traceback show what the parser said about the line.
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_a_file_makes_no_objects(tmp_path):
    """Tags that other YAML readers follow are only text."""
    (tmp_path / "auth").write_text("a: {b: !!python/name:os.system ''}")
    auth = Authentication()
    auth.set_auth_file(str(tmp_path / "auth"))
    auth.process_spec()
    assert auth.get("a", "b") == ""


def test_an_empty_file_holds_no_secrets(tmp_path):
    """It is no error."""
    (tmp_path / "auth").write_text("")
    auth = Authentication()
    auth.set_auth_file(str(tmp_path / "auth"))
    auth.process_spec()
    assert len(auth.data) == 0


def test_missing_files_are_told_by_name(auth, tmp_path):
    """The authentication file at once, the file of an item when it is looked up."""
    with pytest.raises(AuthenticationError, match="missing: no such file"):
        auth.set_auth_file(str(tmp_path / "missing"))
    auth.set_file("dripline", "password", str(tmp_path / "missing"))
    with pytest.raises(AuthenticationError, match="missing: No such file"):
        auth.process_spec()
    (tmp_path / "latin").write_bytes(b"\xe4")
    auth.set_file("dripline", "password", str(tmp_path / "latin"))
    with pytest.raises(AuthenticationError, match="not UTF-8"):
        auth.process_spec()


@pytest.mark.parametrize("written", ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\n\n"])
def test_the_line_break_of_a_secret_file_is_not_part_of_it(auth, tmp_path, written):
    """Spaces are."""
    (tmp_path / "secret").write_bytes(written.replace("2", " 2 ").encode())
    auth.set_file("dripline", "password", str(tmp_path / "secret"))
    assert password(auth) == "hunter 2 "


def test_wrong_specifications_are_told():
    """With group and item named, and what is known."""
    auth = Authentication()
    with pytest.raises(AuthenticationError, match="'password' of group 'dripline': unknown fyle; known: default"):
        auth.add_groups({"dripline": {"password": {"fyle": "x"}}})
    with pytest.raises(AuthenticationError, match="'dripline' must be a mapping"):
        auth.add_groups({"dripline": "guest"})
    with pytest.raises(AuthenticationError, match="one text"):
        auth.add_groups({"dripline": {"password": ["a"]}})
    with pytest.raises(AuthenticationError, match="'token' of group 'slack'"):
        auth.set_value("slack", "token", "x")
    with pytest.raises(AuthenticationError, match="'token' of group 'slack'"):
        auth.set_file("slack", "token", "x")


def test_a_specification_can_be_replaced(auth):
    """`spec` is checked like `add_groups`."""
    auth.spec = {"slack": {"token": "abc"}}
    auth.process_spec()
    assert auth.data.to_python() == {"slack": {"token": "abc"}}


def test_an_authentication_is_made_of_a_file_or_of_another_one(tmp_path):
    """As the reference's constructors; the name of the file is in the specification."""
    path = tmp_path / "auth.json"
    path.write_text('{"lab": {"pin": "2"}}')
    auth = scarab.Authentication(auth_file=str(path))
    assert auth.spec["file"]().as_string() == str(path)
    auth.add_item("lab", "user", "ada")
    auth.process_spec()
    copy = scarab.Authentication(auth)
    auth.set_value("lab", "user", "grace")
    auth.process_spec()
    copy.process_spec()
    assert (auth.get("lab", "user"), copy.get("lab", "user"), copy.get("lab", "pin")) == ("grace", "ada", "2")
    other = scarab.Authentication()
    other.set_auth_file(str(path), scarab.ParamNode())
    other.process_spec()
    assert other.get("lab", "pin") == "2"
    assert not other.has("file")
