"""`dl serve a.yaml b.yaml`: the services end together, whatever ends the first of them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from .conftest import PATIENCE_S, new_store

LAB = """\
import os
from dripline.core import Entity

class Ending(Entity):
    def on_get(self):
        os._exit(0)
    def on_set(self, value):
        os._exit(value)
    def stop_all(self):
        self.service.cancel(0)
"""


@pytest.fixture
def place(free_port) -> list[str]:
    """An address of this machine without a broker."""
    return ["-b", "127.0.0.1", "-p", str(free_port)]


@pytest.fixture
def running(shell, place):
    """Two services, one of which can be told to end."""
    shell.write("lab.py", LAB)
    first, second = new_store()[1], "name: ending\nendpoints: [{name: e, module: Ending, module_path: lab.py}]\n"
    files = [shell.write("first.yaml", first), shell.write("second.yaml", second)]
    process = shell.start("dl", "serve", *files, *place)
    process.wait_until(lambda: process.stderr.count(" serves ") == 2)
    return process


def children_of(number: int) -> dict[str, int]:
    """The processes of the services, by file."""
    found = {}
    for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        found[next(word for word in words if word.endswith(".yaml"))] = int(child)
    return found


def wait_for_end(number: int) -> None:
    """Return when a process is gone, or is a zombie that nobody waits for."""
    deadline = time.monotonic() + PATIENCE_S
    while re.search(r"^State:\s+[^Z]", status_of(number), re.MULTILINE):
        assert time.monotonic() < deadline, f"{number} is still running"
        time.sleep(0.05)


def status_of(number: int) -> str:
    """The state of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{number}/status").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("number", "text", "code"),
    [
        (signal.SIGKILL, r"was killed by SIGKILL \(kill -9, or the system ran out of memory\)", 137),
        (signal.SIGABRT, "was killed by SIGABRT", 134),
        (signal.SIGTERM, "ended with exit code 0", 1),
    ],
)
def test_a_service_that_is_killed_ends_the_others(running, number, text, code):
    """Promptly, with a line that says which and why; the exit code is not 0."""
    children = children_of(running.process.pid)
    os.kill(children["first.yaml"], number)
    assert running.process.wait(PATIENCE_S) == code
    assert re.search(rf"the service of first\.yaml {text}; stopping the other services\n", running.stderr)
    wait_for_end(children["second.yaml"])


@pytest.mark.parametrize(
    ("words", "code"), [(["get", "e"], 1), (["set", "e", "5"], 5), (["cmd", "e", "stop_all"], 1)]
)
def test_a_service_that_ends_by_itself_ends_the_others(shell, place, running, words, code):
    """Also when it ends without an error: the others would go on without it."""
    shell.run("dl", *words, *place, "-t", "1")
    assert running.process.wait(PATIENCE_S) == code
    assert "the service of second.yaml ended with exit code " in running.stderr


def test_services_end_when_the_command_is_killed(running):
    """Their standard input ends; nothing keeps running unattended."""
    children = children_of(running.process.pid)
    running.process.kill()
    running.process.wait(PATIENCE_S)
    for child in children.values():
        wait_for_end(child)


def test_files_can_be_given_in_any_way(shell, place):
    """As arguments, with `-c`, or both."""
    texts = {f"{name}.yaml": f"name: {name}_{new_store()[0].name}\n" for name in ("a", "b", "c")}
    files = [shell.write(name, text) for name, text in texts.items()]
    single = shell.start("dl", "serve", "-c", files[0], *place)
    single.wait_until(lambda: single.stderr.count(" serves 0 endpoints") == 1)
    assert single.end() == 0
    several = shell.start("dl", "serve", files[0], "-c", files[1], "-c", files[2], *place)
    several.wait_until(lambda: several.stderr.count(" serves 0 endpoints") == 3)
    assert several.end() == 0


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        (
            "dl-serve",
            ["-c", "a.yaml", "-c", "b c.yaml"],
            "-c is given 2 times; to run several services: dl serve ",
        ),
        ("dl-agent", ["get", "x", "-c", "a.yaml", "-c", "b.yaml"], "-c is given 2 times"),
        ("dl", ["serve", "a.yaml", "-c", "a.yaml"], "a.yaml is given twice; give each file once"),
    ],
)
def test_a_file_too_many_is_refused(shell, command, words, message):
    """None is ignored."""
    done = shell.run(command, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_without_a_file_is_served_with_a_warning(shell, place):
    """One line: whoever forgot `-c` sees it."""
    running = shell.start("dl-serve", "--embedded-broker", *place)
    running.wait_until(lambda: " serves 0 endpoints" in running.stderr)
    assert running.stderr.count("no configuration file (-c FILE)") == 1
    assert running.end() == 0
