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


def test_without_the_import_guard_the_parts_repair_the_package(damaged):
    """Folders on `PYTHONPATH` have no `.pth` files: importing a part from dripline is enough there."""
    code = "from dripline.core import Entity; import dripline; print(dripline.implementations.__name__)"
    done = damaged.run("-S", "-c", code, PYTHONPATH=str(damaged.site))
    assert (done.returncode, done.stdout) == (0, "dripline.implementations\n"), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_complete_dripline_that_comes_first_is_imported(damaged, tmp_path):
    """Such as a checkout, or the reference: nobody is warned."""
    other = tmp_path / "dripline"
    (other / "core").mkdir(parents=True)
    (other / "__init__.py").write_text("name = 'another'\n")
    (other / "core" / "__init__.py").touch()
    done = damaged.run("-c", "import dripline, dripline.core; print(dripline.name)", PYTHONPATH=str(tmp_path))
    assert (done.stdout, done.stderr) == ("another\n", "")


def test_a_script_of_that_name_does_not_hide_dripline(damaged, tmp_path):
    """`dripline.py` beside a script is a usual mistake: it is ignored, with one warning."""
    (tmp_path / "dripline.py").write_text("print('not this')\n")
    (tmp_path / "script.py").write_text("import dripline; print(dripline.core.__name__)\n")
    done = damaged.run(str(tmp_path / "script.py"))
    assert done.stdout == "dripline.core\n"
    assert f"{tmp_path / 'dripline.py'} has the name of the package" in done.stderr
    assert len(done.stderr.splitlines()) == 1
