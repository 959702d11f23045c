"""`dl new extension`: what it writes, and what it refuses."""

from __future__ import annotations

import ast
import re

import pytest

from dripline.discovery.class_finder import class_finder
from dripline.discovery.index import Extension
from dripline.errors import ConfigurationError
from dripline.programs.extension_scaffold import check_name, write_extension

LONGEST = "a" * 30


def test_it_tells_what_it_wrote_and_what_to_try(shell) -> None:
    """Each file, and three commands."""
    done = shell.run("dl", "new", "extension", "lab_heating")
    assert (done.returncode, done.stderr) == (0, "")
    wrote = re.findall(r"^wrote (.*)$", done.stdout, re.MULTILINE)
    assert all((shell.folder / path).is_file() for path in wrote)
    assert {"lab_heating/.gitignore", "lab_heating/Dockerfile", "lab_heating/lab_heating.yaml"} < set(wrote)
    assert "cd lab_heating && pip install -e '.[test]' && pytest" in done.stdout
    assert "dl simulate simulated_supply.yaml" in done.stdout
    assert "dl serve lab_heating.yaml" in done.stdout


def test_what_is_there_is_left_alone(shell) -> None:
    """One line, and nothing is written."""
    shell.write("lab_heating", "mine")
    done = shell.run("dl", "new", "extension", "lab_heating")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "dl new extension: lab_heating is there already; name another folder with --directory\n"
    )
    assert (shell.folder / "lab_heating").read_text() == "mine"


def test_new_alone_says_what_there_is(shell) -> None:
    """And a near miss is told."""
    assert "extension NAME" in shell.run("dl", "new").stdout
    assert "did you mean 'extension'?" in shell.run("dl", "new", "extensoin", "x").stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lab-heating", "; try 'lab_heating'"),
        ("Lab Heating", "; try 'lab_heating'"),
        ("3he", "cannot be the name of a Python package"),
        ("", "cannot be the name of a Python package"),
        ("../escape", "; try 'escape'"),
        ("öfen", "cannot be the name of a Python package"),
        (LONGEST + "a", "30 at most"),
        ("class", "means something else already"),
        ("add_auth_spec", "means something else already"),
    ],
)
def test_names_that_cannot_be(name: str, reason: str) -> None:
    """The reason is told, and a better one where there is one."""
    with pytest.raises(ConfigurationError) as caught:
        check_name(name)
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_is_taken(monkeypatch) -> None:
    """By an extension that is installed; the text says by which distribution."""
    taken = Extension("pumps", "dripline.extensions.pumps", distribution="lab-pumps", version="2.1")
    monkeypatch.setattr(class_finder().index, "extensions", [taken])
    with pytest.raises(ConfigurationError, match=r"'pumps' from lab-pumps 2\.1 is installed already"):
        check_name("pumps")


@pytest.mark.parametrize("name", ["a", "lab_heating", LONGEST])
def test_everything_is_filled_in(name: str, tmp_path) -> None:
    """No hole of a template is left, Python compiles, and lines stay short whatever the name."""
    for path in write_extension(name, tmp_path / "new"):
        text = path.read_text()
        assert not re.search(r"\$\w|\$\{(?!BASE)", text), path
        if path.suffix == ".py":
            ast.parse(text)
            assert max(map(len, text.splitlines())) <= 115
    assert not list((tmp_path / "new" / "dripline").glob("__init__.py"))
    assert not list((tmp_path / "new" / "dripline" / "extensions").glob("*.py"))


def test_a_folder_that_cannot_be_written(tmp_path) -> None:
    """The reason is the system's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file"):
        write_extension("lab", tmp_path / "file" / "below")
