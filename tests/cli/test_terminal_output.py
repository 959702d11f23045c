"""What commands print of text from elsewhere: escaped on a terminal, as it is where a program reads it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from dripline.wire.safe_text import safe_text

from .conftest import MODULES, PATIENCE_S

#: C0, C1, DEL, bidirectional marks, separators, and what looks like a line of a log or of a command.
EVIL = "a\x1b[2J\x1b]0;t\x07\x9b2J\x85\x7f\u202e\u2066\u200e\u061c\u2028\t\r\n12:30:00 error dripline.forged b"
FORGED = "12:30:00 error dripline.forged b"

EXTENSION = f'''
"""A laboratory's classes."""
import threading
from datetime import timedelta
from dripline.core import Entity, MsgAlert, ThrowReply, calibrate

EVIL = {EVIL!a}


class Rude(Entity):
    """Says what a hostile device says."""

    @calibrate()
    def on_get(self):
        return EVIL

    def on_set(self, value):
        return {{"said": [value], value: 1}}

    def fail(self, text):
        raise ValueError("bad " + text)

    def fail_with_cause(self, text):
        try:
            raise KeyError(text)
        except KeyError as error:
            raise OSError(text) from error

    def refuse(self, text):
        raise ThrowReply("service_error", text)

    def fail_apart(self, text):
        def end():
            raise ValueError("bad " + text)
        threading.Thread(target=end, name=text).start()

    def tell_always(self, text):
        alert = MsgAlert.create({{"value_raw": text}}, f"sensor_value.{{self.name}}")
        self.service.schedule(lambda: self.service.send(alert), timedelta(seconds=0.1))
'''

SERVICE = """\
name: rude_house_{tail}
module: Service
endpoints:
  - name: rude_{tail}
    module: Rude
    module_path: rude.py
"""


@pytest.fixture
def rude(mesh):
    """A service with the device, running; its process and the endpoint's name."""
    tail = os.urandom(4).hex()
    mesh.write("rude.py", EXTENSION)
    running = mesh.start("dl-serve", "-c", mesh.write("rude.yaml", SERVICE.format(tail=tail)))
    running.wait_until(lambda: "serves 1 endpoint" in running.stderr)
    return running, f"rude_{tail}"


def on_terminal(shell, command, *words, until=None):
    """Run a command on a terminal, to its end or until it shows something; its exit code and the screen."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", MODULES[command], *words],
        stdin=follower, stdout=follower, stderr=follower, cwd=shell.folder,
        env={**shell._surroundings({}), "COLUMNS": "200", "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    screen, deadline, ended = b"", time.monotonic() + PATIENCE_S, False
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        while time.monotonic() < deadline:
            try:
                read = terminal.read(4096)
            except OSError:  # the process has ended
                break
            if not read:
                break
            screen += read
            if until is not None and until.encode() in screen and not ended:
                process.send_signal(signal.SIGINT)
                ended = True
    return process.wait(PATIENCE_S), screen.decode()


def check_screen(screen):
    """Nothing there that steers a terminal, but our own colours and cursor movements; no forged line."""
    screen = re.sub(r"\x1b\[[0-9;]*[mAKJ]", "", screen)
    lines = screen.replace("\r\n", "\n").replace("\r", "").split("\n")
    assert all(line.replace("\t", "").isprintable() for line in lines), screen
    assert not [line for line in lines if line.strip().startswith(FORGED)], screen
    assert "\x1b[2J" not in screen
    return lines


ASKED = [
    ("dl", "get", "{0}"),
    ("dl", "get", "{0}", "--json"),
    ("dl", "get", "{0}", "-v"),
    ("dl", "set", "{0}", EVIL),
    ("dl", "cmd", "{0}", "fail", EVIL),
    ("dl", "cmd", "{0}", "refuse", EVIL),
    ("dl", "cmd", "{0}", "fail", EVIL, "-vv"),
    ("dl", "get", "missing" + EVIL),
    ("dl", "alert", "x.\x1b[2J"),
    ("dl", "get", "{0}", "--no-such" + EVIL),
    ("dl-agent", "get", "{0}"),
    ("dl-agent", "set", "{0}", EVIL),
    ("dl-agent", "cmd", "{0}", "-s", "fail", EVIL),
    ("dl-agent", "cmd", "{0}", "-s", "refuse", EVIL, "--pretty-print"),
    ("dl-agent", "get", "{0}", "--json-print"),
    ("dl-agent", "alert", "x", EVIL, "--dry-run-msg"),
]


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_commands_on_a_terminal_show_it_escaped(rude, mesh):
    """Values, JSON, blocks, errors and warnings of all commands that ask."""
    _, name = rude
    for command, *words in ASKED:
        _, screen = on_terminal(mesh, command, *(word.replace("{0}", name) for word in words))
        lines = check_screen(screen)
        if words[:3] == ["get", "{0}"] and command == "dl":
            assert safe_text(EVIL) in lines
        if command == "dl-agent" or "--json" in words:
            assert r"\x1b[2J" in screen or r"\u001b[2J" in screen, (words, screen)


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_values_that_a_program_reads_are_as_they_are(rude, mesh):
    """`dl get x > file`, and the blocks of `dl-agent`; errors are one line on standard error all the same."""
    _, name = rude

    def raw(command, *words):
        return subprocess.run(
            [sys.executable, "-m", MODULES[command], *words],
            cwd=mesh.folder, env=mesh._surroundings({}), capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    assert raw("dl", "get", name).stdout == f"{EVIL}\n".encode()
    assert f"value_raw : {EVIL}\n".encode() in raw("dl-agent", "get", name).stdout
    document = raw("dl", "get", name, "--json").stdout
    assert json.loads(document)["payload"] == {"value_raw": EVIL}
    assert "\u202e".encode() in document
    for method, text in (("fail", f"ValueError: bad {EVIL}"), ("refuse", EVIL)):
        done = raw("dl", "cmd", name, method, EVIL)
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"dl cmd: {name}: {safe_text(text)} [")
        assert done.stdout == b""


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
@pytest.mark.parametrize("words", [["dl", "mon"], ["dl-mon"], ["dl-mon", "--json-print"]])
def test_monitors_show_it_escaped(rude, mesh, words):
    """The table that is drawn, blocks and JSON."""
    _, name = rude
    assert mesh.run("dl", "cmd", name, "tell_always", EVIL).returncode == 0
    code, screen = on_terminal(mesh, *words, "-a", f"sensor_value.{name}", until="[2J")
    assert code == 0, screen
    check_screen(screen)


def test_a_log_has_no_line_that_somebody_else_wrote(rude, mesh):
    """Requests that fail with any text: each is answered, and each line of the log is one of ours, or indented."""
    running, name = rude
    codes = [
        mesh.run("dl-agent", "cmd", name, "-s", method, EVIL, "--suppress-output").returncode
        for method in ("fail", "fail_with_cause", "refuse", "fail_apart")
    ]
    assert codes == [9, 9, 3, 0]
    running.wait_until(lambda: "ended with an exception" in running.stderr)
    assert running.end() == 0
    own = re.compile(r"\d\d:\d\d:\d\d (info|warning|error) [\w.]+ .*|    .*")
    lines = running.err_file.read_bytes().decode().split("\n")[:-1]
    assert all(line.isprintable() and own.fullmatch(line) for line in lines), lines
    assert not [line for line in lines if line.strip().startswith(FORGED)]
    assert [line for line in lines if line == f"    ValueError: bad {safe_text(EVIL)}"], lines


def test_files_and_extensions_are_shown_escaped(shell):
    """What a configuration or a class says reaches a terminal escaped; a file gets the same lines as before."""
    shell.write("rude.py", EXTENSION.replace("Says what a hostile device says.", "Says \\x1b[2J\\u202e it."))
    shell.write(
        "evil.yaml", json.dumps({"name": EVIL, "module": "Rude\x1b[2J", EVIL: 1, "endpoints": [{EVIL: EVIL}]})
    )
    for words in (
        ("check", "evil.yaml"),
        ("check", "evil.yaml", "--json"),
        ("check", "no\x1b[2Jfile\n.yaml"),
        ("serve", "evil.yaml"),
        ("extensions", "show", "Rude", "--module-path", "rude.py"),
        ("extensions", "show", "Rude", "--module-path", "rude.py", "--json"),
        ("doctor", "evil.yaml", "-t", "0.1"),
        ("doctor", "evil.yaml", "-t", "0.1", "--json"),
        ("extensions", "-c", "evil.yaml"),
        ("new", "extension", "a\x1b[2J\n"),
        ("no-such\x1b[2J\n",),
    ):
        _, screen = on_terminal(shell, "dl", *words)
        check_screen(screen)
