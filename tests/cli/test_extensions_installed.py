"""Extensions are found however pip installed them: plainly, and in every way that setuptools knows of `-e`."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import click
import packaging
import pytest

import dripline

EXTEND = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
CLASS = "from dripline.core import Entity\n\nclass {0}(Entity):\n    '''{0} of the laboratory.'''\n"
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "lab-{name}"
version = "1.2.3"
{more}
"""
# Each is a project in a style of its own, with the class that it brings.
PROJECTS = {
    # One package of the namespace and nothing beside it, found by an entry point too.
    "leaf": {
        "pyproject.toml": PROJECT.format(
            name="leaf",
            more='[project.entry-points."dripline.extensions"]\nleaf = "dripline.extensions.leaf"\n'
            '[tool.setuptools]\npackages = ["dripline.extensions.leaf"]',
        ),
        "dripline/extensions/leaf/__init__.py": CLASS.format("Leaf"),
    },
    # As the reference tells packages to be written, with a class in the namespace's own file.
    "old": {
        "pyproject.toml": PROJECT.format(
            name="old", more='[tool.setuptools]\npackages = ["dripline.extensions", "dripline.extensions.old"]'
        ),
        "dripline/extensions/__init__.py": EXTEND + CLASS.format("Direct"),
        "dripline/extensions/old/__init__.py": CLASS.format("Old"),
    },
    # Sources in a folder of their own.
    "source": {
        "pyproject.toml": PROJECT.format(name="source", more='[tool.setuptools.packages.find]\nwhere = ["src"]'),
        "src/dripline/extensions/source/__init__.py": CLASS.format("Source"),
    },
    # All of `dripline` is its own, as a namespace.
    "whole": {
        "pyproject.toml": PROJECT.format(
            name="whole", more='[tool.setuptools.packages.find]\ninclude = ["dripline*"]'
        ),
        "dripline/extensions/whole/__init__.py": CLASS.format("Whole"),
    },
}
# The further way, `compat`, puts folders on the import path, as `lenient` does with sources in their own folder.
WAYS = {
    "plain": ["leaf", "old"],
    "lenient": ["leaf", "old", "source", "whole"],
    "strict": ["leaf", "old"],
}


@dataclass(frozen=True)
class Laboratory:
    """An environment in which projects are installed."""

    folder: Path
    way: str

    def python(self, *words: str) -> str:
        """Run its Python, and give what it prints."""
        done = subprocess.run(
            [str(self.folder / "venv/bin/python"), *words], cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def setuptools(tmp_path_factory) -> Path:
    """A folder with a current setuptools, fetched once for all projects."""
    folder = tmp_path_factory.mktemp("setuptools")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "setuptools>=77"], check=True
    )
    return folder


@pytest.fixture(scope="module", params=list(WAYS))
def laboratory(request, tmp_path_factory, setuptools) -> Laboratory:
    """Projects installed in one of the ways, beside the dripline that is being tested."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    places = {str(Path(module.__file__).parents[1]) for module in (dripline, click, packaging)}
    (site / "places.pth").write_text("\n".join([str(setuptools), *sorted(places)]) + "\n")
    chosen = [] if request.param == "plain" else ["--config-settings", f"editable_mode={request.param}"]
    words = []
    for name in WAYS[request.param]:
        for file, text in PROJECTS[name].items():
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text(text)
        words += [*([] if request.param == "plain" else ["--editable"]), str(folder / name)]
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv/bin/python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-build-isolation", "--no-deps", *chosen, *words], check=True)
    return Laboratory(folder, request.param)


def test_every_class_is_found_with_its_distribution(laboratory) -> None:
    """And the folder of those in development."""
    listed = json.loads(laboratory.python("-m", "dripline.cli.dl", "extensions", "--json"))["extensions"]
    found = {cls["name"]: one for one in listed for cls in one["classes"]}
    expected = {name.title(): name for name in WAYS[laboratory.way]} | {"Direct": "old"}
    for cls, project in expected.items():
        one = found[cls]
        assert (one["state"], one["distribution"], one["version"]) == ("ok", f"lab-{project}", "1.2.3")
        assert one["editable"] == (None if laboratory.way == "plain" else str(laboratory.folder / project))


def test_importing_dripline_imports_no_extension(laboratory) -> None:
    """Finding their names does not, either."""
    code = (
        "import sys, dripline, dripline.extensions; from dripline.discovery.class_finder import class_finder; "
        "names = class_finder().known_names(); "
        "print('Leaf' in names, [name for name in sys.modules if name.startswith('dripline.extensions.')])"
    )
    assert laboratory.python("-c", code) == "True []\n"


def test_each_is_an_attribute_of_the_namespace(laboratory) -> None:
    """Scripts import from there."""
    code = "import dripline; print(dripline.extensions.leaf.Leaf.__name__, dripline.extensions.old.Old.__name__)"
    assert laboratory.python("-c", code) == "Leaf Old\n"
