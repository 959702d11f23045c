"""The first moments of the installed commands."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from dripline.cli import entry_points as start


@pytest.fixture(autouse=True)
def handlers():
    """The commands leave theirs behind, as they end the process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("command", [start.dl, start.dl_serve, start.dl_agent, start.dl_mon, start.dl_http_server])
def test_ctrl_c_while_python_still_reads_ends_a_command_without_a_word(command, monkeypatch, capfd):
    """With the exit code that shells have for it."""

    def interrupted(module):
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "import_module", interrupted)
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 130
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_in_the_middle_of_a_dataclass_gives_the_same_exit_code():
    """Python ends itself by the signal when a plain KeyboardInterrupt leaves an `exec` of text."""
    program = """
import os, signal
from dripline.cli import entry_points as start
def imported(module):
    # Python handles the signal a moment after it came.
    exec("os.kill(os.getpid(), signal.SIGINT)\\nwhile True: pass", {"os": os, "signal": signal})
start.import_module = imported
start.dl()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (start.dl, "dl COMMAND -h"),
        (start.dl_serve, "dl-serve"),
        (start.dl_agent, "dl-agent"),
        (start.dl_mon, "dl-mon"),
        (start.dl_http_server, "dl-http-server"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_installed_command_is_there(command, said, monkeypatch, capsys):
    """With its help."""
    monkeypatch.setattr("sys.argv", ["it", "-h"])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 0
    assert said in capsys.readouterr().out
