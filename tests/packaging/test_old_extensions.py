"""Old extension packages that contain a `dripline/__init__.py`: installed with pip, used, and uninstalled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

EXTEND_PATH = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
DECLARE_NAMESPACE = "__import__('pkg_resources').declare_namespace(__name__)\n"
NAMESPACE_PACKAGES = "namespace_packages=['dripline', 'dripline.extensions']"
# What their two files `__init__.py` contain, and what their setup.py adds.
IDIOMS = {
    "pkgutil": (EXTEND_PATH, ""),
    "pkg_resources": (DECLARE_NAMESPACE, ""),
    "namespace_packages": (DECLARE_NAMESPACE, NAMESPACE_PACKAGES),
    "empty": ("", ""),
    "import": ("from . import gauge_not_there\n", ""),
}
USE = "import dripline; print(dripline.core.Entity.__name__, dripline.extensions.gauge.Gauge.__name__)"
IMPORT = "import dripline; print(dripline.core.Entity.__name__, dripline.__version__[0])"


@pytest.fixture(scope="module")
def environment(request, tmp_path_factory, new_environment, wheel: Path, project: Path):
    """A fresh environment with dripline, and with the setuptools that builds the extensions."""
    environment = new_environment.create(tmp_path_factory.mktemp(request.param) / "venv")
    environment.install("setuptools>=80", *([str(wheel)] if request.param == "wheel" else ["-e", str(project)]))
    return environment


@pytest.fixture
def our_init(environment) -> Iterator[Path]:
    """The file that is overwritten; afterwards it is as it was."""
    file = environment.site / "dripline" / "__init__.py"
    content = file.read_bytes() if file.exists() else None
    yield file
    if content is not None:
        file.write_bytes(content)


@pytest.fixture
def old_extension(idiom: str, tmp_path: Path) -> Path:
    """The source of the distribution `lab-gauge`, which provides the class `Gauge`."""
    init, option = IDIOMS[idiom]
    package = tmp_path / "dripline" / "extensions" / "gauge"
    package.mkdir(parents=True)
    (tmp_path / "dripline" / "__init__.py").write_text(init)
    (tmp_path / "dripline" / "extensions" / "__init__.py").write_text(init)
    (package / "__init__.py").write_text(
        "from dripline.core import Entity\n\n\nclass Gauge(Entity):\n    '''A pressure gauge.'''\n"
    )
    (tmp_path / "setup.py").write_text(
        "from setuptools import find_packages, setup\n\n"
        f"setup(name='lab-gauge', version='1.0', packages=find_packages(), {option})\n"
    )
    return tmp_path


def warnings(environment, code: str, printed: str) -> list[str]:
    """The lines on standard error of a script that has to print a line."""
    done = environment.attempt("python", "-c", code)
    assert done.stdout == f"{printed}\n", done.stderr
    return done.stderr.splitlines()


def findings(environment) -> str:
    """What `dl doctor` says about the installation."""
    return environment.attempt("dl", "doctor", "-b", "localhost", "-p", "1").stdout


@pytest.mark.parametrize(
    ("environment", "idiom"),
    [*(("wheel", idiom) for idiom in IDIOMS), ("editable", "pkgutil"), ("editable", "namespace_packages")],
    indirect=["environment"],
)
def test_it_works_with_one_warning_that_names_it(environment, old_extension: Path, our_init: Path) -> None:
    """In a script, in a command, and in the findings of `dl doctor`; after uninstalling it, too."""
    is_editable = not our_init.exists()
    environment.install("--no-build-isolation", "--no-deps", str(old_extension))
    (warning,) = warnings(environment, USE, "Entity Gauge")
    assert "lab-gauge 1.0" in warning
    listed = environment.attempt("dl", "extensions")
    assert "lab-gauge 1.0, namespace" in listed.stdout
    assert listed.stderr == f"{warning}\n"
    assert "warning  installation  lab-gauge 1.0" in findings(environment)
    environment.pip("uninstall", "--yes", "lab-gauge")
    afterwards = warnings(environment, IMPORT, "Entity 6")
    if is_editable or our_init.exists():
        assert afterwards == []
    else:
        assert len(afterwards) == 1
        assert "pip install --force-reinstall --no-deps /" in afterwards[0]


@pytest.mark.parametrize("environment", ["wheel"], indirect=True)
@pytest.mark.parametrize("idiom", ["pkgutil"])
def test_a_repaired_file_is_deleted_by_the_next_uninstall(
    environment, old_extension: Path, our_init: Path
) -> None:
    """`dl doctor` warns before that happens."""
    content = our_init.read_bytes()
    environment.install("--no-build-isolation", "--no-deps", str(old_extension))
    our_init.write_bytes(content)  # as installing dripline again does
    assert warnings(environment, USE, "Entity Gauge") == []
    assert "lab-gauge 1.0 contains files of dripline (dripline/__init__.py)" in findings(environment)
    environment.pip("uninstall", "--yes", "lab-gauge")
    assert not our_init.exists()
