"""Every form in which the source is handed on installs: a source distribution, and an archive of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source folder."""
    return Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("tree") / "dripline", ignore=LEFT_OUT))


def source_distribution(tree: Path, folder: Path) -> Path:
    """What `python -m build --sdist` makes."""
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(folder), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.tar.gz"))


def archive(tree: Path, folder: Path) -> Path:
    """A zip file of the tree, in which there are no symbolic links."""
    return Path(shutil.make_archive(str(folder / "dripline"), "zip", tree.parent, tree.name))


@pytest.mark.parametrize("make", [source_distribution, archive])
def test_it_installs_with_all_files(make, tree: Path, tmp_path: Path, new_environment) -> None:
    """The files of the demonstration are among them, whole."""
    environment = new_environment.create(tmp_path / "venv")
    environment.install(str(make(tree, tmp_path)))
    script = "import dripline.programs as c, pathlib; print(pathlib.Path(c.__file__).parent / 'demo_files')"
    installed = Path(environment.run("python", "-c", script).strip())
    source = PROJECT / "dripline" / "programs" / "demo_files"
    names = [name for name in os.listdir(source) if not name.startswith("__")]
    assert {name: (installed / name).read_text() for name in names} == {
        name: (source / name).read_text() for name in names
    }


def test_there_are_no_symbolic_links() -> None:
    """Archives and images do not keep what a link points to."""
    names = ("dripline", "scarab", "_dripline", "examples", "extensions_example", "tests")
    folders = [PROJECT / name for name in names]
    links = [path for folder in folders for path in folder.rglob("*") if path.is_symlink()]
    assert links == []


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        ("key-value-store.yaml", "examples/first-mesh"),
        ("power-supply-service.yaml", "examples/simulated"),
        ("power_supply.yaml", "examples/simulated"),
        ("thermometer-service.yaml", "examples/simulated"),
        ("thermometer.yaml", "examples/simulated"),
        ("jitter_endpoints.py", "extensions_example/dripline/extensions/jitter"),
    ],
)
def test_the_demonstration_runs_the_examples(copy: str, original: str) -> None:
    """Its copies are the same as the files that the documentation explains."""
    ours = PROJECT / "dripline" / "programs" / "demo_files" / copy
    assert ours.read_bytes() == (PROJECT / original / copy).read_bytes()
