"""Empty secrets end a command with one line, before it connects or listens."""

from __future__ import annotations

import os
import sys

import pytest

from .conftest import Shell

COMMANDS = {
    "dl get": ("dl", "get", "x"),
    "dl serve": ("dl", "serve", "s.yaml"),
    "dl-serve": ("dl-serve", "-c", "s.yaml"),
    "dl-mon": ("dl-mon", "-a", "#"),
    "dl-agent": ("dl-agent", "get", "x"),
    "dl broker": ("dl", "broker"),
    "dl demo": ("dl", "demo"),
    "dl-http-server": ("dl-http-server", "http_port=0"),
}


def write_secret(shell: Shell, name: str) -> None:
    """Write an empty file that only its owner can read."""
    path = shell.folder / name
    path.write_text(" \n")
    path.chmod(0o600)


def refused(shell: Shell, *words: str, **variables: str) -> str:
    """Run a command that must be refused; its line."""
    done = shell.run(*words, **variables)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_variable_ends_every_command(shell: Shell, command: str) -> None:
    """``DRIPLINE_PASSWORD=`` is not the password guest."""
    shell.write("s.yaml", "name: s\n")
    line = refused(shell, *COMMANDS[command], DRIPLINE_PASSWORD="")
    assert "DRIPLINE_PASSWORD is empty; set it to the password, or unset it" in line


@pytest.mark.parametrize("variable", ["DRIPLINE_HTTP_TOKEN", "DRIPLINE_HTTP_USER", "DRIPLINE_HTTP_PASSWORD"])
def test_an_empty_variable_does_not_open_the_http_server(shell: Shell, variable: str) -> None:
    """Nothing is served without the authentication that was meant, also beside a token that is set."""
    for others in ({}, {"DRIPLINE_HTTP_TOKEN": "token"}):
        line = refused(shell, "dl-http-server", "http_port=0", **{**others, variable: ""})
        assert f"{variable} is empty" in line


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("http_token", '""'),
        ("http_token", ""),
        ("http_token", "{}"),
        ("http_token", "{file: empty}"),
        ("http_username", "null"),
        ("http_username", "{env: LAB_TOKEN}"),
        ("http_password", '"  "'),
        ("http_password", "ENV{LAB_TOKEN}"),
    ],
)
def test_an_empty_key_of_the_http_server(shell: Shell, key: str, text: str) -> None:
    """The line names file and key."""
    write_secret(shell, "empty")
    shell.write("http.yaml", f"http_port: 0\n{key}: {text}\n")
    line = refused(shell, "dl-http-server", "-c", "http.yaml", LAB_TOKEN="")
    assert line.startswith(f"dl-http-server: http.yaml:2:1: {key}: ")
    assert "empty" in line


@pytest.mark.parametrize("option", ["--username", "--password", "--password-file", "--auth-file"])
def test_an_empty_option(shell: Shell, option: str) -> None:
    """``--password "$SECRET"`` with a variable that is not set."""
    for text in ("", " "):
        assert f"{option} is empty" in refused(shell, "dl", "get", "x", option, text)


def test_an_empty_password_file(shell: Shell) -> None:
    """The line names it."""
    write_secret(shell, "secret")
    assert "the file secret is empty" in refused(shell, "dl", "get", "x", "--password-file", "secret")


@pytest.mark.parametrize("item", ["username", "password"])
@pytest.mark.parametrize("text", ['""', "", "{value: ''}", "{file: ''}"])
def test_a_file_with_an_empty_login(shell: Shell, item: str, text: str) -> None:
    """`dl check` finds it, and `dl-serve` says it once."""
    shell.write("s.yaml", f"name: s\n{item}: {text}\n")
    checked = shell.run("dl", "check", "s.yaml")
    assert checked.returncode == 2
    assert checked.stdout.count(f"{item}: ") + checked.stderr.count(f"{item}: ") == 1
    line = refused(shell, "dl-serve", "-c", "s.yaml")
    assert line.startswith("dl-serve: s.yaml:2:")
    assert "is empty" in line


def test_the_secret_of_an_extension(shell: Shell) -> None:
    """`add_auth_spec` names a variable; when that is empty, the service does not start."""
    folder = shell.folder / "site/dripline/extensions"
    folder.mkdir(parents=True)
    (folder / "add_auth_spec.py").write_text(
        "class AddAuthSpec:\n    def __init__(self, app):\n"
        "        app.add_default_auth_spec_group('slack', {'token': {'env': 'SLACK_TOKEN'}})\n"
    )
    shell.write("s.yaml", "name: s\n")
    shell.environment["PYTHONPATH"] = os.pathsep.join([str(shell.folder / "site"), *sys.path])
    line = refused(shell, "dl-serve", "-c", "s.yaml", SLACK_TOKEN="")
    assert "SLACK_TOKEN is empty; set it to the token, or unset it" in line
