"""What the wheel holds, and that the tests run on what pip installed."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlparse
from zipfile import ZipFile

import pytest

import dripline


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Every file in the wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_tests_import_the_package_that_pip_installed() -> None:
    """No test takes the packages of the source folder for the installed ones by accident."""
    installed = distribution("dripline")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    expected = Path(urlparse(origin["url"]).path) if editable else Path(str(installed.locate_file("")))
    assert Path(dripline.__file__).resolve().parents[1] == expected.resolve()


@pytest.mark.parametrize("package", ["dripline", "dripline/core", "dripline/cli", "scarab", "_dripline"])
def test_the_packages_are_in_the_wheel(names: set[str], package: str) -> None:
    """Each package that others import is shipped."""
    assert f"{package}/__init__.py" in names


def test_nothing_else_is_in_the_wheel(names: set[str]) -> None:
    """Tests, benchmarks and examples stay out: their names belong to everybody."""
    assert {name.split("/")[0].split("-")[0] for name in names} == {"dripline", "scarab", "_dripline"}


def test_the_extension_namespace_ships_no_file(names: set[str]) -> None:
    """dripline/extensions belongs to extension packages; a file of ours would collide with theirs."""
    assert not [name for name in names if name.startswith("dripline/extensions/")]


def test_types_and_licence_are_in_the_wheel(names: set[str]) -> None:
    """Type checkers see the annotations, and the licence travels along."""
    assert {"dripline/py.typed", "scarab/py.typed"} <= names
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_the_templates_of_a_new_extension_are_in_the_wheel(names: set[str]) -> None:
    """`dl new extension` finds them wherever dripline is installed."""
    from dripline.programs.extension_scaffold import TEMPLATES

    assert {f"dripline/programs/scaffold/{name}.tmpl" for name in TEMPLATES} <= names
