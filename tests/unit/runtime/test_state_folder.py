"""Where services keep what outlives them, on machines of all kinds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dripline.config.mesh import MeshSettings
from dripline.errors import ConfigurationError
from dripline.runtime.state_folder import dead_letter_folder, state_path, user_path

MESH = MeshSettings()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and no other settings."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom no list of users has, as in a container with a random id."""

    def unknown(_number: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_it_is_below_the_home_folder(home):
    """Nothing is created before something is kept."""
    assert state_path("alerts", MESH, "peaches").parent == home / ".local" / "state" / "dripline" / "alerts"
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("nobody")
def test_xdg_state_home_needs_no_home_folder(tmp_path, monkeypatch):
    """The variable names the folder, as the XDG specification says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_path("alerts", MESH, "peaches").is_relative_to(tmp_path / "state")


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_home_folder_has_none():
    """The text says why, for a warning."""
    with pytest.raises(OSError, match="no home folder"):
        state_path("alerts", MESH, "peaches")


def test_an_empty_home_counts_as_none(home, monkeypatch):
    """The list of users has the home folder then."""
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", lambda _number: type("Entry", (), {"pw_dir": str(home)}))
    assert state_path("alerts", MESH, "peaches").is_relative_to(home)


def test_a_home_that_is_a_file_has_none(home, monkeypatch):
    """Nor one below a file."""
    file = home / "file"
    file.touch()
    for path in (file, file / "home"):
        monkeypatch.setenv("HOME", str(path))
        with pytest.raises(OSError, match="is not a folder"):
            state_path("alerts", MESH, "peaches")


def test_a_home_that_is_not_writable_has_none(home, monkeypatch):
    """As `/` in many containers."""
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != home)  # root may write everywhere
    with pytest.raises(OSError, match=f"{home} is not writable"):
        state_path("alerts", MESH, "peaches")


@pytest.mark.usefixtures("nobody")
def test_dead_letters_go_to_the_current_folder_then(tmp_path, monkeypatch, caplog):
    """They must not be lost; the log names the folder."""
    monkeypatch.chdir(tmp_path)
    assert dead_letter_folder(MESH, "peaches") == tmp_path / "peaches.dead-letters"
    assert str(tmp_path / "peaches.dead-letters") in caplog.text
    assert "set dead_letter_file" in caplog.text


def test_a_path_may_begin_with_the_home_folder(home):
    """Or be any other."""
    assert user_path("~/rows", "spool_directory") == home / "rows"
    assert user_path("rows", "spool_directory") == Path("rows")
    with pytest.raises(ConfigurationError, match=r"spool_directory: '~nobody_here/rows': there is no such user"):
        user_path("~nobody_here/rows", "spool_directory")


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("text", ["~", "~/rows"])
def test_a_path_in_a_home_folder_that_is_not_there_is_an_error(text):
    """No folder named ``~`` is made."""
    with pytest.raises(
        ConfigurationError, match=r"--folder: '~.*': this user has no home folder; use an absolute"
    ):
        user_path(text, "--folder")
