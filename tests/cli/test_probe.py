"""Importing extensions in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.waiting import eventually

from dripline.discovery.index import Extension
from dripline.discovery.inventory import Found, probe
from dripline.errors import DriplineError

PATIENCE_S = 240


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Writes modules where the child finds them too, and gives them as extensions."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**texts: str) -> list[Extension]:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        return [Extension(name, name, str(tmp_path / f"{name}.py")) for name in texts]

    return write


def _runs(pid: str) -> bool:
    """Whether a process is there; one that was killed and not yet waited for is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_is_found_out_about_nothing():
    """No process is started for it."""
    assert probe([], PATIENCE_S) == []


def test_each_has_its_own_result_in_order(modules):
    """Whatever those before it did to the process."""
    found = probe(
        modules(
            lab_first="__all__ = ['limit']\nlimit = 5\n",
            lab_closes="import os\nos.closerange(0, 100)\n",
            lab_exits="raise SystemExit(3)\n",
            lab_ends="import os\nos._exit(7)\n",
            lab_odd="class Odd:\n    __doc__ = 5\n__all__ = ['Odd', 'gone']\n",
        ),
        PATIENCE_S,
    )
    assert found[0] == Found(others=["limit"])
    assert found[1].reason.startswith("importing it ends the process with ")
    assert found[2].reason.startswith("SystemExit: 3")
    assert found[3].reason == "importing it ends the process with exit code 7"
    assert (found[4].reason, found[4].others, len(found[4].notes)) == ("", ["Odd"], 1)


def test_what_an_extension_starts_ends_with_the_child(modules, tmp_path):
    """Nothing goes on running after a list was made."""
    note = tmp_path / "pid"
    text = f"import subprocess\nwith open({str(note)!r}, 'w') as f:\n"
    text += "    f.write(str(subprocess.Popen(['sleep', '600']).pid))\n"
    probe(modules(lab_starts=text), PATIENCE_S)
    assert eventually(lambda: not _runs(note.read_text()), PATIENCE_S)


def test_a_child_that_cannot_even_import_dripline_is_an_error(modules, monkeypatch):
    """No extension is to blame."""
    extensions = modules(lab_good="")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(DriplineError, match="does not start"):
        probe(extensions, PATIENCE_S)
