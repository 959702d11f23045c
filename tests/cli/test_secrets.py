"""A planted password, searched for in everything that commands print, log, send and show of themselves."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest

from dripline.broker import EmbeddedBroker
from dripline.core import Interface, Service
from dripline.errors import ErrorReply
from dripline.programs.common_options import CommonOptions
from dripline.programs.session import load_session

from .conftest import Shell

SERVICE = """\
name: {name}
heartbeat_interval_s: 1
endpoints:
  - {{name: {name}_value, module: KeyValueStore, initial_value: 1, log_interval: 1}}
"""
SPECIFIERS = (
    "auth", "auth.data", "auth.spec", "password", "_password", "username", "__dict__", "config", "configuration",
    "dripline_mesh", "_dripline_mailbox", "address", "endpoint_configs", "authentication_obj", "_Core__mesh",
)  # fmt: skip


@pytest.fixture
def secret() -> str:
    """A password that stands nowhere else."""
    return f"geheim{uuid.uuid4().hex}"


def secret_file(shell: Shell, name: str, text: str, mode: int = 0o600) -> str:
    """Write a file for one's own eyes."""
    path = shell.folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    return name


def texts_of(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command printed."""
    return done.stdout + done.stderr


def children_of(pid: int) -> list[int]:
    """The processes that one has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def test_a_password_shows_nowhere(shell, secret, free_port):
    """Not in logs (those of the AMQP library included), words of processes, messages, replies or errors.

    That others can read its file is said once, by the process that starts the services.
    """
    names = [f"store_{uuid.uuid4().hex[:6]}" for _ in range(2)]
    files = [shell.write(f"{name}.yaml", SERVICE.format(name=name)) for name in names]
    login = ("-p", str(free_port), "--password-file", secret_file(shell, "a password", secret + "\n", 0o644))
    running = shell.start("dl", "serve", *files, *login, "-vvv")
    running.wait_until(lambda: running.stderr.count(" serves 1 endpoint") == 2)

    words = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children_of(running.process.pid)]
    assert len(words) == 2
    assert all(b"dripline.cli.dl_serve" in each and secret.encode() not in each for each in words)

    monitor = shell.start("dl-mon", "-r", "#", "-a", "#", "--json-print", "-vvv", *login)
    monitor.wait_until(lambda: "sensor_value" in monitor.stdout)
    mesh = {"broker": "localhost", "broker_port": free_port}
    with Interface(password=secret, dripline_mesh=mesh, timeout_s=20) as interface:
        for specifier in SPECIFIERS:  # the replies are seen by the monitor
            with pytest.raises(ErrorReply):
                interface.get(names[0], specifier)
            with pytest.raises(ErrorReply):
                interface.cmd(names[0], f"{specifier}.get", ["dripline", "password"])
    said = [texts_of(shell.run("dl", "get", names[0], "-s", "auth", "--json", "-vvv", *login))]
    said.append(texts_of(shell.run("dl", "get", f"{names[0]}_value", "-p", str(free_port), "-vvv")))
    assert "refused user 'guest'" in said[1]

    assert monitor.end() == 0
    assert running.end() == 0
    for text in (monitor.stdout, monitor.stderr, running.stdout, running.stderr, *said):
        assert secret not in text
    assert "pika" in running.stderr, "the AMQP library was heard"
    assert running.stderr.count("other users can read the secret in a password; chmod 600 'a password'") == 1


def test_a_password_shows_in_no_mistake(shell, secret):
    """Wherever it was written by mistake, in a file, an address or a word."""
    configuration = shell.write(
        "service.yaml",
        f"name: store\ndripline_mesh: {{broker: 'amqps://ada:{secret}@lab', broker_port: x}}\n"
        f"password: {{vallue: {secret}}}\n",
    )
    listed = shell.write("listed.yaml", f"name: store\nmodule: Servise\npassword: [{secret}]\n")
    mesh = shell.write("mesh.yaml", f"name: store\ndripline_mesh: amqp://ada:{secret}@lab\n")
    auth = secret_file(shell, "auth.yaml", f"dripline: {{password: [{secret}]}}\n")
    odd_auth = secret_file(shell, "odd.yaml", f"dripline: {{password: {secret}\n")
    for words in (
        ("dl", "check", configuration, mesh, listed),
        ("dl", "serve", configuration, mesh, listed, "-vvv"),
        ("dl-serve", "name=x", "--auth-file", auth, "-vvv"),
        ("dl-serve", "name=x", "--auth-file", odd_auth, "-vvv"),
        ("dl-serve", "name=x", f"password.x={secret}", "-vvv"),
        ("dl-serve", "name=x", f"dripline_mesh.broker=amqp://ada:{secret}@lab", "-vvv"),
        ("dl", "get", "x", "-b", f"amqps://ada:{secret}@lab:5671", "-vvv"),
        ("dl", "get", "x", f"amqps://ada:{secret}@lab:5671", "-vvv"),
        ("dl", "get", "x", "-b", "localhost", "-p", "1", "--password", secret, "-vvv"),
    ):
        done = shell.run(*words)
        assert done.returncode != 0, words
        assert secret not in texts_of(done), words


def test_a_password_is_no_part_of_what_objects_show_of_themselves(secret):
    """Nor of that of what holds them: they may end in a log or in a debugger's view."""
    common = CommonOptions(password=secret, broker="lab")
    loaded = load_session(common, [f"password={secret}"])
    session = loaded.session()
    client = session.client()
    shown = [
        common, loaded, loaded.loaded, session, session.mesh, session.auth, session.auth.data, client,
        client.link, client.link.address, Interface(password=secret), Service("x", password=secret),
        EmbeddedBroker(password=secret),
    ]  # fmt: skip
    assert session.password == secret == client.link.address.password
    assert [text for each in shown for text in (repr(each), str(each)) if secret in text] == []
