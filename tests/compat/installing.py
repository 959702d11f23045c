"""Virtual environments with dripline and the packages of this folder in them, one for each way of installing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

import _dripline
import dripline
import scarab

PACKAGES = Path(__file__).parent / "packages"
# How an author may have installed a package: from pip's plain copy to `setup.py develop` of old times.
KINDS = ("plain", "editable", "compat", "strict", "develop")
GUARD = "dripline-import-guard.pth"
PATIENCE_S = 240
# Those whose layout differs, which is what matters to the rarer ways.
_FEW = ("version5", "version4", "relay", "entry_points", "broken")
_ALONE = ("pkgutil_root",)  # has environments to itself: it overwrites a file of dripline
_LITTER = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
_FOREIGN = ("DRIPLINE_", "PYTHON", "LAB_")


@dataclass(frozen=True)
class Environment:
    """A virtual environment without setuptools, as they are made today.

    Attributes:
        folder: where it is.
        sources: copies of the packages, which editable installs lead to.
    """

    folder: Path
    sources: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", self.folder / "sources")

    @classmethod
    def create(cls, folder: Path) -> Environment:
        """Make one with dripline as pip would have installed it, and what dripline requires."""
        shutil.rmtree(folder, ignore_errors=True)  # what a run that was stopped left
        venv.create(folder, with_pip=False, symlinks=True)
        made = cls(folder)
        for package in (dripline, scarab, _dripline):
            source = Path(package.__file__).parent
            shutil.copytree(source, made.site / source.name, dirs_exist_ok=True)
        _write_metadata(made.site)
        shutil.copy(str(distribution("dripline").locate_file(GUARD)), made.site)
        for name in _requirements("dripline"):
            _link(name, made.site)
        shutil.copytree(PACKAGES, made.sources, ignore=_LITTER)
        return made

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages are."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def pip(self, *words: str, **variables: str) -> None:
        """Run pip on it, from outside: no pip need be in it."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), *words]
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", **variables}
        self.succeed([*pip, "--quiet"], **quiet)

    def run(self, *words: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its Python to the end, however that is; its home has no settings unless one is given."""
        return subprocess.run(
            [str(self.python), *words],
            cwd=cwd or self.folder,
            env=surroundings({"HOME": str(self.folder), **variables}),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def succeed(self, words: list[str], cwd: Path | None = None, **variables: str) -> str:
        """Run any program, which has to end well; gives what it printed."""
        done = subprocess.run(
            words, cwd=cwd or self.folder, env=surroundings(variables), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


def surroundings(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process: nobody's settings, and some of our own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)} | dict(variables)


def distributions(kind: str) -> list[str]:
    """The folders here that are installed in a way: all in the common ones, a few in the others."""
    if kind not in ("plain", "editable"):
        return list(_FEW)
    names = sorted(path.name for path in PACKAGES.iterdir() if _installable(path))
    return [name for name in names if name not in _ALONE]


def install(kind: str, environment: Environment, tools: Path) -> None:
    """Install the packages.

    Args:
        kind: one of `KINDS`.
        environment: where.
        tools: a folder with setuptools, which the environment itself has not.
    """
    if kind == "develop":
        _develop(environment, distributions(kind))
        return
    names = distributions(kind)
    targets = [str(environment.sources / name) for name in names]
    if kind != "plain":
        targets = [word for target in targets for word in ("--editable", target)]
    if kind in ("compat", "strict"):
        targets += ["--config-settings", f"editable_mode={kind}"]
    pip_install(environment, tools, *targets)


def pip_install(environment: Environment, tools: Path, *targets: str) -> None:
    """`pip install` of packages here, without looking for anything on the network."""
    environment.pip(
        "install",
        "--use-pep517",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        *targets,
        PYTHONPATH=str(tools),
    )


def _develop(environment: Environment, names: list[str]) -> None:
    """`setup.py develop`, with the setuptools of its time in the environment, and so a real pkg_resources."""
    environment.pip("install", "setuptools>=68,<80")
    for name in names:
        folder = environment.sources / name
        if (folder / "setup.py").exists():
            words = [str(environment.python), "-W", "ignore", "setup.py", "-q", "develop", "--no-deps"]
            environment.succeed(words, cwd=folder)
        else:
            pip_install(environment, environment.site, "--editable", str(folder))


def _installable(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("setup.py", "pyproject.toml"))


def _write_metadata(site: Path) -> None:
    info = site / f"dripline-{dripline.__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dripline\nVersion: {dripline.__version__}\n")


def _requirements(name: str) -> set[str]:
    """What a distribution requires, without extras, and what that requires."""
    found: set[str] = set()
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= {requirement.name} | _requirements(requirement.name)
    return found


def _link(name: str, site: Path) -> None:
    """Let an environment have a distribution that this one has."""
    installed = distribution(name)
    for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
        target = site / top
        if not target.exists():
            target.symlink_to(Path(str(installed.locate_file(top))))


@contextmanager
def only_one(folder: Path, name: str) -> Iterator[bool]:
    """Let one process at a time make something; tells whether it is still to be made."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()
