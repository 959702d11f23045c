"""Who runs this process, where, and what it is."""

import os
import socket
import sys

import pytest

from scarab.process import executable, hostname, username


def test_a_script_is_named_by_its_full_path(tmp_path, monkeypatch):
    """Also when it was started by a relative path."""
    (tmp_path / "thermometer.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["thermometer.py", "-v"])
    assert executable() == str((tmp_path / "thermometer.py").resolve())


@pytest.mark.parametrize("argv", [[], [""], ["-c"], ["/no/such/file"]])
def test_without_a_script_it_is_the_interpreter(argv, monkeypatch):
    """In a notebook, or with -c."""
    monkeypatch.setattr(sys, "argv", argv)
    assert executable() == sys.executable


def test_the_user_is_named_by_the_environment(monkeypatch):
    """LOGNAME first."""
    monkeypatch.setenv("LOGNAME", "ada")
    assert username() == "ada"


def test_the_user_of_a_bare_container_is_a_number(monkeypatch):
    """Neither HOME nor an entry in the password file is needed."""
    for variable in ("LOGNAME", "USER", "USERNAME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert username()
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert username() == "54321"


def test_the_computer_has_a_name():
    """The one it knows itself by."""
    assert hostname() == socket.gethostname()
