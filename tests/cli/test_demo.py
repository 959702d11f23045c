"""`dl demo` as a newcomer runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest
from support import ports
from support.turns import turn
from support.waiting import eventually

from .conftest import PATIENCE_S


@pytest.fixture(autouse=True)
def usual_ports():
    """Nobody else wants them meanwhile."""
    with turn("usual-ports"):
        yield


@pytest.fixture
def demo(shell, free_port):
    """The demonstration, with its files kept, at a port of its own."""
    running = shell.start("dl", "demo", "--folder", FOLDER, "-p", str(free_port))
    running.wait_until(lambda: all(name in running.stdout for name in SENSORS))
    return running


FOLDER = "my mesh #1: a try"  # what has a meaning in YAML
SENSORS = ("sensor_value.room_temperature", "sensor_value.load_power", "sensor_value.trembling")


def test_one_command_shows_live_values_and_can_be_asked(shell, demo, free_port):
    """Two instruments, a store and a class of one's own are there; what it says to try works."""

    def dl(*words):
        done = shell.run("dl", "-p", str(free_port), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "Ctrl-C ends it all" in demo.stdout
    assert 15 < float(dl("get", "room_temperature")) < 25
    assert float(dl("set", "supply_voltage", "5")) == 5
    assert float(dl("set", "peaches", "2.5")) == 5
    dl("cmd", "trembling", "update_seed", "7")
    demo.wait_until(lambda: len(json.loads(dl("get", "watchdog"))["OK"]) == 5)
    url = re.search(r"curl (\S+)", demo.stdout)[1]
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        assert json.load(answer)["return_code"] == 0
    demo.wait_until(lambda: logged(shell, "room_temperature") > 0)
    assert f"dl -p {free_port} get room_temperature" in demo.stdout
    folder = (shell.folder / FOLDER).resolve()
    assert f"  files        {folder}\n" in demo.stdout
    assert demo.end() == 0
    assert demo.stdout.splitlines()[-1].startswith(f"The demo has ended. Its files are in {folder};")
    assert shell.run("dl", "-p", str(free_port), "get", "peaches").returncode == 1
    assert "Traceback" not in demo.stderr + (shell.folder / FOLDER / "demo.log").read_text()


def logged(shell, sensor):
    """How many values of a sensor are in the database."""
    with sqlite3.connect(shell.folder / FOLDER / "slow_controls.sqlite") as database:
        ((count,),) = database.execute("select count(*) from sensor_values where sensor_name = ?", (sensor,))
    return count


def test_the_files_that_are_kept_run_one_by_one(shell, demo, free_port):
    """Each command of the README in the folder works there."""
    assert demo.end() == 0
    folder = shell.folder / FOLDER
    readme = (folder / "README.md").read_text()
    (commands,) = re.findall(r"^```\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    lines = [line.split() for line in commands.splitlines()]
    assert {word for line in lines for word in line if word.endswith(".yaml")} == {
        path.name for path in folder.glob("*.yaml")
    }
    instruments = free_port_pair()
    for name, port in zip(("power-supply-service.yaml", "thermometer-service.yaml"), instruments, strict=True):
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub(r"(socket_info: \[localhost, )\d+", rf"\g<1>{port}", text))
    there = replace(shell, folder=folder)
    for line in lines:
        if line[1] == "simulate":
            there.start(*line[:-1], str(instruments[0]))
            continue
        running = there.start(*line, "-p", str(free_port))
        if line[1] != "mon":
            running.wait_until(lambda running=running: f":{free_port}" in running.stdout + running.stderr)
    running.wait_until(lambda: all(name in running.stdout for name in SENSORS))
    for running in reversed(there.started[1:]):
        assert running.end() == 0


def free_port_pair() -> tuple[int, int]:
    """Two ports that follow each other."""
    while True:
        first = ports.free_port()
        with suppress(OSError), socket.create_server(("localhost", first + 1)):
            return first, first + 1


def test_a_terminal_shows_a_table(shell, free_port):
    """One row for each value, drawn again and again in place."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "dripline.cli.dl", "demo", "-p", str(free_port)]
    environment = {**os.environ, "HOME": str(shell.home), "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=shell.folder
    )
    os.close(theirs)
    shown = ""
    deadline = time.monotonic() + PATIENCE_S
    while not re.search(r"KEY +VALUE +FROM.*sensor_value\..*room_temperature", shown, re.DOTALL):
        assert time.monotonic() < deadline, shown
        shown += os.read(ours, 4096).decode(errors="replace")
    process.terminate()
    while True:  # a full terminal would stop it
        try:
            read = os.read(ours, 4096).decode(errors="replace")
        except OSError:
            break
        if not read:
            break
        shown += read
    assert process.wait(PATIENCE_S) == 0, shown
    assert shown.splitlines()[-1].endswith("The demo has ended; its files are deleted.")
    os.close(ours)


def test_a_port_that_is_taken_is_told(shell, free_port):
    """In one line, with a remedy."""
    with socket.create_server(("localhost", free_port)):
        done = shell.run("dl", "demo", "-p", str(free_port))
    assert done.returncode == 1
    assert f"localhost:{free_port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_usual_ports_that_are_taken_do_no_harm(shell):
    """The broker, the instruments and the HTTP server go to free ones, and services are told, each time anew."""
    with ExitStack() as taken:
        for port in (5025, 5026, 5672, 8080):
            with suppress(OSError):  # somebody else has it
                taken.enter_context(socket.create_server(("localhost", port)))
        running = shell.start("dl", "demo", "--folder", FOLDER)
        running.wait_until(lambda: all(name in running.stdout for name in SENSORS))
        assert not re.search(r":(5025|5026|5672|8080)\b", running.stdout)
        done = shell.run("dl", "demo", "--folder", FOLDER)
        assert (done.returncode, done.stderr) == (
            2,
            f"dl demo: --folder: a demonstration runs in {FOLDER}; name another\n",
        )
        assert running.end() == 0
    first = (shell.folder / FOLDER / "thermometer-service.yaml").read_text()
    again = shell.start("dl", "demo", "--folder", FOLDER)
    again.wait_until(lambda: all(name in again.stdout for name in SENSORS))
    assert again.end() == 0
    assert (shell.folder / FOLDER / "thermometer-service.yaml").read_text() != first


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, ""),
        (signal.SIGTERM, ""),
        (signal.SIGINT, "my_store serves"),
        (signal.SIGHUP, "my_store serves"),
    ],
)
def test_it_leaves_nothing_behind(shell, number, moment, free_port, tmp_path):
    """Whenever it is ended: as soon as it has a folder, and when services run."""
    folders = tmp_path / "temporary"
    folders.mkdir()
    running = shell.start("dl", "demo", "-p", str(free_port), TMPDIR=str(folders))
    logs = "dripline-demo-*/demo.log" if moment else "dripline-demo-*/*.yaml"
    assert eventually(lambda: any(moment in path.read_text() for path in folders.glob(logs)), PATIENCE_S), (
        running.stderr
    )
    assert running.end(number) in (0, 130)
    assert list(folders.iterdir()) == []
    assert "Traceback" not in running.stderr
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folders) not in processes


def test_a_reader_who_goes_ends_it(shell, free_port, tmp_path):
    """As in `dl demo | head`: without a word."""
    folders = tmp_path / "temporary"
    folders.mkdir()
    words = [sys.executable, "-m", "dripline.cli.dl", "demo", "-p", str(free_port)]
    environment = {**os.environ, "HOME": str(shell.home), "TMPDIR": str(folders)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        while not process.stdout.readline().startswith(b"Ctrl-C"):
            assert process.poll() is None
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == b""
    assert list(folders.iterdir()) == []


def test_a_terminal_that_is_closed_ends_it(shell, free_port, tmp_path):
    """Nobody can see it any longer, nor end it."""
    folders = tmp_path / "temporary"
    folders.mkdir()
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "dripline.cli.dl", "demo", "-p", str(free_port)]
    environment = {**os.environ, "HOME": str(shell.home), "TMPDIR": str(folders)}
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    while b"KEY" not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)  # it has no controlling terminal, and gets no signal: writing fails
    assert process.wait(PATIENCE_S) == 0
    assert list(folders.iterdir()) == []


def test_no_space_is_told(shell):
    """In one line, with a remedy."""
    words = [sys.executable, "-m", "dripline.cli.dl", "demo"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words],
        capture_output=True, text=True, cwd=shell.folder, env={**os.environ, "HOME": str(shell.home)},
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("dl demo: no usable temporary directory")
    assert done.stderr.endswith("name a folder with --folder\n")


def test_a_folder_that_cannot_be_made_is_told(shell):
    """In one line, with the name that was given."""
    (shell.folder / "notes").write_text("a file")
    done = shell.run("dl", "demo", "--folder", "notes")
    assert (done.returncode, done.stderr) == (2, "dl demo: --folder: notes: file exists; name another\n")


@pytest.mark.parametrize("words", [["demo", "--folder", ""], ["new", "extension", "lab", "--directory", ""]])
def test_an_empty_name_of_a_folder_is_not_the_current_folder(shell, words):
    """As a script passes it whose variable is not set."""
    done = shell.run("dl", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{words[-2]} is empty; name a path" in done.stderr
