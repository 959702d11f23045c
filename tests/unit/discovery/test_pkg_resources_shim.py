"""What extensions use of `pkg_resources`."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import PathFinder

import pytest

from dripline.discovery import namespace_package
from dripline.discovery import pkg_resources_shim as pkg_resources


def test_an_installed_distribution_tells_its_version():
    """What nearly all extensions want."""
    import pika

    found = pkg_resources.get_distribution("pika")
    assert (found.project_name, found.key, found.version) == ("pika", "pika", pika.__version__)
    assert found.parsed_version >= pkg_resources.parse_version("1.0")
    assert str(found) == f"pika {pika.__version__}"
    assert found.has_metadata("METADATA")
    assert "Name: pika" in found.get_metadata("METADATA")
    assert pkg_resources.get_distribution(found) is found


def test_a_missing_distribution_is_told_as_the_real_one_does():
    """Extensions catch that error."""
    with pytest.raises(pkg_resources.DistributionNotFound):
        pkg_resources.get_distribution("no-such-distribution")
    with pytest.raises(FileNotFoundError):
        pkg_resources.get_distribution("pika").get_metadata("no-such-file")


def test_requirements_are_checked():
    """One that is satisfied gives the distribution, another raises."""
    assert [found.project_name for found in pkg_resources.require("pika>=1", ["click"])] == ["pika", "click"]
    with pytest.raises(pkg_resources.VersionConflict):
        pkg_resources.require("pika>=999")


def test_entry_points_can_be_iterated_and_loaded():
    """Those used here are of pytest."""
    found = {point.name: point for point in pkg_resources.iter_entry_points("console_scripts")}
    assert found["pytest"].module_name.endswith(("pytest", "config"))
    assert found["pytest"].attrs
    assert callable(found["pytest"].load())
    assert [point.name for point in pkg_resources.iter_entry_points("console_scripts", "pytest")] == ["pytest"]


def test_files_beside_modules_are_found(tmp_path, monkeypatch):
    """Calibration tables often lie there."""
    (tmp_path / "lab_tables").mkdir()
    (tmp_path / "lab_tables/__init__.py").write_text("")
    (tmp_path / "lab_tables/pt100.txt").write_text("1 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pkg_resources.resource_filename("lab_tables", "pt100.txt") == str(tmp_path / "lab_tables/pt100.txt")
    assert pkg_resources.resource_string("lab_tables", "pt100.txt") == b"1 2\n"
    assert pkg_resources.resource_exists("lab_tables", "pt100.txt")
    assert not pkg_resources.resource_exists("lab_tables", "other.txt")
    assert "pt100.txt" in pkg_resources.resource_listdir(sys.modules["lab_tables"], "")


def test_a_namespace_can_be_declared(tmp_path, monkeypatch):
    """The oldest way of letting a package stand in several folders."""
    for folder in ("a", "b"):
        (tmp_path / folder / "lab_space").mkdir(parents=True)
        (tmp_path / folder / "lab_space/__init__.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    import lab_space

    pkg_resources.declare_namespace("lab_space")
    assert len(lab_space.__path__) == 2


def test_the_installed_distributions_can_be_listed():
    """Scripts that write down with which versions they ran do so."""
    assert "pika" in {found.key for found in pkg_resources.working_set}
    assert not hasattr(pkg_resources, "no_such_thing")


def test_pytest_finds_what_it_wants(monkeypatch, tmp_path):
    """Its `syspath_prepend` looks into `pkg_resources` once that is imported."""
    monkeypatch.setitem(sys.modules, "pkg_resources", pkg_resources)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_finder_stands_behind_pythons_own_and_once(monkeypatch):
    """A real `pkg_resources` is found before ours."""
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    namespace_package.offer_pkg_resources()
    namespace_package.offer_pkg_resources()
    assert sys.meta_path[0] is PathFinder
    assert [finder.__module__ for finder in sys.meta_path[1:]] == [namespace_package.__name__]


def test_a_real_one_wins(tmp_path):
    """Where setuptools still has it, extensions get that."""
    (tmp_path / "pkg_resources.py").write_text("REAL = True\n")
    code = "import dripline.extensions, pkg_resources; print(pkg_resources.REAL)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
