"""Packages that bring files which are not theirs: `dripline/__init__.py`, `dripline/extensions/__init__.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compat.installing import Environment, only_one, pip_install

LOOKING = Path(__file__).with_name("looking.py")
CLASSES = {
    "Manometer": "dripline.extensions.manometer",
    "Thermometer": "dripline.extensions.cryostat.thermometer",
    "KeyValueStore": "dripline.implementations.key_value_store",
}


@pytest.fixture(scope="session", params=["brought", "taken away"])
def damaged(request, common_folder, tools) -> Environment:
    """Packages were installed over dripline's own `__init__.py`, and one of them perhaps removed again."""
    name = request.param.replace(" ", "-")
    with only_one(common_folder, name) as still:
        if still:
            made = Environment.create(common_folder / name)
            packages = ("pkgutil_root", "version5")
            pip_install(made, tools, *(str(made.sources / package) for package in packages))
            if request.param == "taken away":
                made.pip("uninstall", "--yes", "lab-manometer")
    return Environment(common_folder / name)


def _found(environment: Environment, *names: str, **variables: str) -> dict[str, str]:
    done = environment.run(str(LOOKING), *names, **variables)
    assert done.returncode == 0, done.stderr
    classes = json.loads(done.stdout)["classes"]
    return {name: found.get("module", found.get("refused")) for name, found in classes.items()}


def test_dripline_survives_that_its_own_file_is_not_its_own(damaged):
    """What pip overwrote, or removed with the package that brought it, is missed by no command and no package."""
    own = damaged.site / "dripline" / "__init__.py"
    assert not own.exists() or "extend_path" in own.read_text()[:80]
    wanted = {name: module for name, module in CLASSES.items() if own.exists() or name != "Manometer"}
    assert _found(damaged, *wanted) == wanted
    assert damaged.run("-m", "dripline.cli.dl", "get", "--help").returncode == 0


def test_a_package_on_the_import_path_may_stand_before_dripline(environments):
    """With a `dripline/__init__.py` of its own, which is taken for dripline's."""
    environment = environments("plain")
    assert _found(environment, *CLASSES, PYTHONPATH=str(environment.sources / "pkgutil_root")) == CLASSES


def test_several_packages_on_the_import_path_are_found(environments):
    """Nothing need be installed at all."""
    environment = environments("develop")
    folders = [str(environment.sources / name) for name in ("version5", "relay")]
    wanted = {**CLASSES, "Relay": "dripline.extensions.relay"}
    del wanted["Manometer"]
    assert _found(environment, *wanted, PYTHONPATH=":".join(folders)) == wanted
