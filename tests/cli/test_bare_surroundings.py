"""Commands as a user whom nobody knows: a random id, no home folder, no settings, as in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from contract.conftest import BrokerAddress
from support.waiting import eventually

from .conftest import MODULES, PATIENCE_S, Running, new_store

#: An id in no list of users; it may read everything, since Python may be in the home folder of root.
_NOBODY = "--reuid 54321 --regid 54321 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search"


def _can_become_nobody() -> bool:
    setpriv = shutil.which("setpriv")
    return (
        bool(setpriv) and subprocess.run([setpriv, *_NOBODY.split(), "true"], capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(not _can_become_nobody(), reason="needs setpriv, and the rights of root")


def nobodys(command: str, *words: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    """A command of that user, and its environment."""
    setpriv = shutil.which("setpriv") or "setpriv"
    return (
        [setpriv, *_NOBODY.split(), sys.executable, "-m", MODULES[command], *words],
        {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user may write to."""
    folder = tmp_path / "work"
    folder.mkdir()
    folder.chmod(0o777)
    for parent in folder.parents:
        if parent.is_relative_to(tmp_path.parents[1]):
            parent.chmod(0o755)
    return folder


def run(folder: Path, command: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    argv, environment = nobodys(command, *words, **variables)
    return subprocess.run(
        argv, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def address_words(address: BrokerAddress) -> Sequence[str]:
    """Options that name a broker."""
    return f"-b amqp://{address.host}:{address.port}/{address.virtual_host} -u guest --password guest".split()


def test_a_service_keeps_alerts_in_memory_only_and_warns_once(folder, address):
    """It serves, and can be queried by a client that is just as unknown."""
    store, configuration = new_store()
    (folder / "s.yaml").write_text(configuration)
    argv, environment = nobodys("dl-serve", "-c", "s.yaml", *address_words(address))
    files = folder.parent / "out", folder.parent / "err"
    with files[0].open("wb") as out, files[1].open("wb") as err:
        process = subprocess.Popen(argv, env=environment, cwd=folder, stdout=out, stderr=err)
    running = Running(process, *files)
    try:
        running.wait_until(lambda: "serves 3 endpoints" in running.stderr)
        got = run(folder, "dl", "get", store.chips, *address_words(address))
        assert (got.returncode, got.stdout.strip(), got.stderr) == (0, "1.75", "")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    warnings = [line for line in running.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1, running.stderr
    assert "alerts wait in memory only: this user has no home folder" in warnings[0]


@pytest.mark.parametrize("words", [["check", "s.yaml"], ["extensions"], ["new", "extension", "pears"], ["--help"]])
def test_commands_need_no_home_folder(folder, words):
    """They print no warning about it."""
    (folder / "s.yaml").write_text(new_store()[1])
    done = run(folder, "dl", *words)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["new", "extension", "pears", "--directory", "~/pears"], "--directory"),
        (["demo", "--folder", "~/pears"], "--folder"),
        (["check", "s.yaml"], "alert_spool: folder"),
    ],
)
def test_a_path_in_the_home_folder_is_one_line_that_names_the_remedy(folder, words, key):
    """And no folder named ``~``."""
    (folder / "s.yaml").write_text("name: s\nalert_spool: {folder: ~/pears}\n")
    done = run(folder, "dl", *words)
    assert done.returncode == 2
    (line, *_) = (done.stderr + done.stdout).splitlines()
    assert f"{key}: '~/pears': this user has no home folder; use an absolute path" in line
    assert not (folder / "~").exists()


@pytest.mark.parametrize("kind", ["missing", "a file", "not writable"])
def test_a_useless_home_folder_is_as_good_as_none(folder, kind):
    """Alerts wait in memory; nothing else is affected."""
    home = folder.parent / "home"
    if kind == "a file":
        home.touch()
    if kind == "not writable":
        home.mkdir()
    variables = {"HOME": str(home)}
    (folder / "s.yaml").write_text("name: s\n")
    assert run(folder, "dl", "check", "s.yaml", **variables).returncode == 0
    argv, environment = nobodys("dl-serve", "-c", "s.yaml", "-b", "127.0.0.1", "-p", "1", **variables)
    with (folder.parent / "err").open("wb") as err:
        process = subprocess.Popen(argv, env=environment, cwd=folder, stderr=err)
    try:
        assert eventually(lambda: "alerts wait in memory only" in (folder.parent / "err").read_text(), PATIENCE_S)
    finally:
        process.kill()
        process.wait()
