"""`dl`: everything under one name."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import time

import pytest

from .conftest import MODULES, PATIENCE_S, new_store


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_it_lists_its_commands(shell, words):
    """Without importing them."""
    done = shell.run("dl", *words)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("serve", "get", "set", "cmd", "alert", "mon", "broker"):
        assert re.search(rf"^  {command} +\w", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["serve", "get", "set", "cmd", "alert", "mon", "broker"])
def test_every_command_has_help(shell, command):
    """What it does in one sentence, and its options."""
    done = shell.run("dl", command, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: dl {command} [OPTIONS]")
    assert "--password-file" in done.stdout
    assert shell.run("dl", "-h", command).stdout == done.stdout


def test_an_unknown_command_is_told_with_the_nearest(shell):
    """Exit 2, one line."""
    done = shell.run("dl", "gte", "peaches")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dl: no such command 'gte'; did you mean 'get'? (see dl -h)\n"


def test_completion_is_clicks(shell):
    """`_DL_COMPLETE=bash_source dl` writes the script for the shell."""
    done = subprocess.run(
        [sys.executable, "-c", "from dripline.cli.dl import dl; dl(prog_name='dl')"],
        env={**os.environ, "_DL_COMPLETE": "bash_complete", "COMP_WORDS": "dl g", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "plain,get"


def test_get_shows_just_the_value(mesh, store):
    """For a person, and for `$(dl get peaches)`."""
    assert mesh.run("dl", "get", store.peaches).stdout == "1.5\n"
    assert mesh.run("dl", "get", store.name + "x").returncode == 1
    done = mesh.run("dl", "get", store.status, "-s", "log_on_set")
    assert (done.returncode, done.stdout, done.stderr) == (0, "false\n", "")


def test_get_shows_more_when_asked(mesh, store):
    """`-v` the block, `--json` the whole reply; also in front of the command."""
    assert mesh.run("dl", "get", store.peaches, "-v").stdout.startswith("Routing key: ")
    assert mesh.run("dl", "-v", "get", store.peaches).stdout.startswith("Routing key: ")
    reply = json.loads(mesh.run("dl", "get", store.peaches, "--json").stdout)
    assert reply["payload"] == {"value_cal": 1.5, "value_raw": 0.75}


def test_set_shows_what_the_endpoint_answers(mesh, store):
    """With `get_on_set` the new value, else nothing."""
    assert mesh.run("dl", "set", store.peaches, "3.2").stdout == "6.4\n"
    assert mesh.run("dl", "set", store.peaches, "-5").stdout == "-10\n"
    assert mesh.run("dl", "set", store.peaches, ".75").stdout == "1.5\n"
    done = mesh.run("dl", "set", store.chips, "3 volts")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert mesh.run("dl", "get", store.chips).stdout == "3 volts\n"


def test_cmd_shows_what_the_method_returns(mesh, store):
    """Or what the service says about it."""
    assert mesh.run("dl", "cmd", store.peaches, "ping").stdout.startswith("Hello, /")
    assert mesh.run("dl", "cmd", store.chips, "on_set", "-7").returncode == 0
    assert mesh.run("dl", "cmd", store.chips, "on_get").stdout == "-7\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["get", "{peaches}", "-s", "nosuchattr"],
            3,
            "dl get: endpoint {peaches} has no attribute nosuchattr",
        ),
        (["cmd", "{peaches}", "throw_something"], 2, "dl cmd: {peaches}: "),
        (["get", "no_such_endpoint"], 1, "dl get: nobody on the mesh is bound for 'no_such_endpoint'"),
        (["set", "{peaches}"], 2, "dl set: missing argument 'VALUE'"),
        (["cmd", "{peaches}"], 2, "dl cmd: missing argument 'METHOD'"),
    ],
)
def test_errors_are_one_line_on_standard_error(mesh, store, words, code, message):
    """With the code's name; standard output stays empty."""
    names = vars(store)
    done = mesh.run("dl", *(word.format(**names) for word in words))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message.format(**names))
    assert done.stderr.count("\n") == 1


def test_mon_prints_lines_into_a_pipe(mesh):
    """When, key, value, from whom."""
    monitor = mesh.start("dl", "mon", "my.#")

    def heard() -> bool:
        mesh.run("dl", "alert", "my.news", "5")
        return "my.news" in monitor.stdout

    monitor.wait_until(heard)
    assert monitor.end() == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d my\.news 5 \(unknown\)", monitor.stdout.splitlines()[0])


def test_mon_prints_json_for_programs(mesh):
    """One line for each message; the end of the reader is no error."""
    monitor = mesh.start("dl", "mon", "my.#", "--json")
    monitor.wait_until(
        lambda: mesh.run("dl", "alert", "my.news", "x=1").returncode == 0 and "my.news" in monitor.stdout
    )
    assert json.loads(monitor.stdout.splitlines()[0])["payload"] == {"x": 1}
    assert monitor.end(signal.SIGTERM) == 0


def test_mon_ends_when_nobody_reads_any_longer(mesh, store):
    """`dl mon | head -1`."""
    command = (
        f"{sys.executable} -m dripline.cli.dl mon sensor_value.{store.peaches} | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], env=mesh._surroundings({}), capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""


def test_mon_draws_a_table_on_a_terminal(mesh, store):
    """In place: the cursor goes up again, lines are erased, nothing is longer than the terminal is wide."""
    screen = _on_a_terminal(mesh, "mon", f"sensor_value.{store.peaches}")
    screen = re.sub(r"\033\[\d*m", "", screen)  # colours
    assert screen.startswith(("waiting for news; Ctrl-C ends\033[K\r\n\033[J", "KEY "))  # as soon as it has some
    assert "\033[1A\r" in screen or "\033[2A\r" in screen
    lines = [re.sub(r"\033\[\d*[A-Z]", "", line) for line in screen.replace("\r", "").split("\n")]
    assert any(re.fullmatch(r"KEY +VALUE +FROM +AGE +COUNT", line) for line in lines)
    assert any(re.search(rf"^sensor_value\.{store.peaches} +1\.5 +", line) for line in lines)
    assert max(map(len, lines)) <= 100


def _on_a_terminal(mesh, *words: str) -> str:
    """What a command writes to a terminal of 100 columns until its table has two values of a key."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        import fcntl
        import termios

        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", MODULES["dl"], *words],
            stdin=follower,
            stdout=follower,
            env={**mesh._surroundings({}), "COLUMNS": "100"},
        )
        os.close(follower)
        screen, deadline = b"", time.monotonic() + PATIENCE_S
        while not re.search(rb" s +2\x1b", screen) and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                screen += terminal.read(4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    return screen.decode().lstrip("\r")


@pytest.fixture
def place(free_port) -> list[str]:
    """An address of this machine where no broker is."""
    return ["-b", "127.0.0.1", "-p", str(free_port)]


def test_serve_brings_its_own_broker_where_none_is(shell, place):
    """One command on a fresh laptop."""
    store, configuration = new_store()
    running = shell.start(
        "dl", "serve", shell.write("s.yaml", configuration), "endpoints.1.initial_value=3", *place
    )
    running.wait_until(lambda: " serves 3 endpoints" in running.stderr)
    assert "started an embedded broker at 127.0.0.1:" in running.stderr
    assert shell.run("dl", "get", store.chips, *place).stdout == "3\n"
    assert running.end() == 0


def test_serve_can_do_without_a_broker_of_its_own(shell, place):
    """Then it needs one."""
    shell.write("s.yaml", "name: s\n")
    done = shell.run("dl", "serve", "s.yaml", "--no-embedded-broker", "--max-connection-attempts", "1", *place)
    assert done.returncode == 1
    assert "dl serve: no broker answers at 127.0.0.1:" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_several_files_that_end_together(shell, place, number):
    """Each in a process of its own, all gone soon."""
    stores = [new_store() for _ in range(2)]
    files = [shell.write(f"s{index}.yaml", text) for index, (_, text) in enumerate(stores)]
    running = shell.start("dl", "serve", *files, *place)
    running.wait_until(lambda: running.stderr.count(" serves 3 endpoints") == 2)
    for store, _ in stores:
        assert shell.run("dl", "get", store.peaches, *place).stdout == "1.5\n"
        assert f"[{store.name}] {store.name} serves" in running.stderr
    started = time.monotonic()
    assert running.end(number) == 0
    assert time.monotonic() - started < 20, "2 s on a machine that is not busy"
    assert "Traceback" not in running.stderr


def test_one_of_several_services_that_cannot_start_ends_all(shell, place):
    """With a line that names it, and its exit code."""
    _, configuration = new_store()
    shell.write(
        "lab.py",
        "from dripline.core import Entity\nclass Bad(Entity):\n    def __init__(self, **kwargs):\n        1 / 0\n",
    )
    files = [
        shell.write("good.yaml", configuration),
        shell.write("bad.yaml", "name: bad\nendpoints: [{name: x, module: Bad, module_path: lab.py}]\n"),
    ]
    running = shell.start("dl", "serve", *files, *place)
    assert running.process.wait(PATIENCE_S) == 3
    assert "the service of bad.yaml ended with exit code 3; stopping the other services" in running.stderr
    assert "dl-serve: bad.yaml:1:" in running.stderr or "dl-serve: bad.yaml:2:" in running.stderr


def test_mistakes_of_all_files_are_told_before_anything_starts(shell, place):
    """In one run, with the name of each file."""
    files = [
        shell.write("a.yaml", "name: s\nfoo: 1\n"),
        shell.write("b.yaml", "name: s\n"),
        shell.write("c.yaml", "name: s\n"),
    ]
    done = shell.run("dl", "serve", *files, "nowhere.yaml", *place)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("dl serve: a.yaml:2:1: service 's' (Service): unknown argument 'foo'")
    assert lines[1:] == [
        "dl serve: nowhere.yaml: there is no such file",
        "dl serve: c.yaml:1:1: service 's': the name is also at b.yaml:1:1; rename one of them",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing argument 'FILE… [KEY=VALUE…]'"),
        (["name=x"], "no configuration file is given"),
        (["a.yaml", "b.yaml", "name=x"], "'name=x': KEY=VALUE arguments can only be used with a single file"),
    ],
)
def test_serve_wants_files(shell, words, message):
    """Words belong to one."""
    for name in ("a.yaml", "b.yaml"):
        shell.write(name, f"name: {name[0]}\n")
    done = shell.run("dl", "serve", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dl serve: {message}")


def test_broker_runs_until_stopped(shell, place):
    """With the login that it was given."""
    running = shell.start("dl", "broker", *place, "-u", "me", "--password", "secret")
    running.wait_until(lambda: "listening at 127.0.0.1:" in running.stderr)
    assert "for user 'me'" in running.stderr
    assert "secret" not in running.stderr
    assert shell.run("dl", "alert", "my.news", "1", *place, "-u", "me", "--password", "secret").returncode == 0
    second = shell.run("dl", "broker", *place)
    assert second.returncode == 1
    assert second.stderr == (
        f"dl broker: 127.0.0.1:{place[-1]} is taken, perhaps by a broker that runs already; "
        "use that one, or another port with -p\n"
    )
    assert running.end() == 0


def test_broker_runs_only_here(shell):
    """An address of another machine is a mistake."""
    done = shell.run("dl", "broker", "-b", "192.0.2.1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dl broker: 192.0.2.1 is not an address of this machine; name one with -b\n"
