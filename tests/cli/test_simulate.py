"""`dl simulate`: instruments in a process of their own."""

from __future__ import annotations

import re
import signal
import socket

import pytest

SUPPLY = """\
identity: a supply
values:
  VOLTage: {initial: 5, unit: V}
"""


def _ask(port: int, line: str) -> str:
    with socket.create_connection(("localhost", port), 60) as client:
        client.sendall(line.encode() + b"\n")
        client.shutdown(socket.SHUT_WR)
        return client.makefile().read()


def _ports(running, count: int = 1) -> list[int]:
    """Where the instruments say that they listen."""
    found: list[str] = []

    def all_there() -> bool:
        found[:] = re.findall(r"listens at \S+:(\d+);.*\n", running.stdout)
        return len(found) >= count

    running.wait_until(all_there)
    return [int(port) for port in found]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_until_it_is_stopped(shell, number):
    """What to type, and nothing else; exit 0."""
    running = shell.start("dl", "simulate", shell.write("supply.yaml", SUPPLY))
    (port,) = _ports(running)
    assert (
        running.stdout
        == f"supply listens at localhost:{port}; to talk to it: nc localhost {port}, and then *IDN?\n"
    )
    assert _ask(port, "*IDN?") == "a supply\n"
    assert _ask(port, "VOLT 6;VOLT?\n") == "6\n"
    assert running.end(number) == 0
    assert running.stderr == ""
    with pytest.raises(ConnectionRefusedError):
        _ask(port, "*IDN?")


def test_verbose_shows_the_conversation(shell):
    """Who said what, and what was the answer."""
    running = shell.start("dl", "simulate", "-v", shell.write("supply.yaml", SUPPLY))
    (port,) = _ports(running)
    _ask(port, "VOLT?\nVOLT 7\n")
    assert running.end() == 0
    assert re.search(r"debug .* supply 127\.0\.0\.1:\d+: 'VOLT\?' -> '5'\n", running.stderr)
    assert re.search(r"debug .* supply 127\.0\.0\.1:\d+: 'VOLT 7' -> \(no answer\)\n", running.stderr)


def test_several_run_side_by_side(shell, free_port):
    """`--port` is for the first; each is another instrument."""
    files = [shell.write(f"{name}.yaml", f"identity: {name}\n") for name in ("one", "two")]
    running = shell.start("dl", "simulate", *files, "--port", "0")
    ports = _ports(running, len(files))
    assert [_ask(port, "*IDN?") for port in ports] == ["one\n", "two\n"]
    assert running.end() == 0


def test_the_port_can_be_chosen(shell, free_port):
    """In place of what the file says."""
    running = shell.start("dl", "simulate", shell.write("supply.yaml", f"port: 1\n{SUPPLY}"), "-p", str(free_port))
    assert _ports(running) == [free_port]
    assert running.end() == 0


def test_a_port_that_is_taken_is_one_line(shell, free_port):
    """And the others do not stay behind."""
    with socket.create_server(("127.0.0.1", free_port)):
        file = shell.write("supply.yaml", f"port: {free_port}\n{SUPPLY}")
        done = shell.run("dl", "simulate", shell.write("first.yaml", SUPPLY), file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"dl simulate: supply: cannot listen at localhost:{free_port}: address already in use; "
        "choose another port, 0 for a free one\n"
    )


def test_all_mistakes_of_all_files_are_told(shell):
    """With file, line and column; nothing starts."""
    files = [
        shell.write("a.yaml", "port: x\nvalues:\n  VOLT: {nosie: 1}\n"),
        shell.write("b.yaml", "valeus: {}\n"),
    ]
    done = shell.run("dl", "simulate", *files, "c.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert sorted(done.stderr.splitlines()) == [
        "dl simulate: a.yaml:1:1: port: must be a number, not 'x'",
        "dl simulate: a.yaml:3:10: values.VOLT.nosie: unknown key; did you mean 'noise'?",
        "dl simulate: b.yaml:1:1: valeus: unknown key; did you mean 'values'?",
        "dl simulate: c.yaml: there is no such file; did you mean 'b.yaml'?",
    ]


def test_it_has_help(shell):
    """With an example to copy."""
    done = shell.run("dl", "simulate", "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: dl simulate [OPTIONS] FILE…")
    assert "dl simulate power_supply.yaml" in done.stdout
