"""A wheel of the project, virtual environments to install it in, and a broker for what runs in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import ports

from dripline.testing import Broker, broker_for_tests

PROJECT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")


@dataclass(frozen=True)
class Program:
    """A command that runs, or ran; what it prints goes to files so that no full pipe stops it."""

    process: subprocess.Popen[bytes]
    output_file: Path

    @property
    def output(self) -> str:
        """What it printed up to now, standard output and error together."""
        return self.output_file.read_text()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 240) -> None:
        """Return when the condition holds; fail when it does not in time or the program ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"not after {seconds} s:\n{self.output}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Environment:
    """A place where commands are found: a virtual environment, with what is put into its surroundings."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path) -> Environment:
        """A fresh virtual environment; pip works on it from outside, which saves installing pip itself."""
        venv.create(folder, with_pip=False, symlinks=True)
        return cls(folder)

    def install(self, *requirements: str, cwd: Path | None = None) -> None:
        """``pip install`` into this environment."""
        self.pip("install", *requirements, cwd=cwd)

    def pip(self, *words: str, cwd: Path | None = None) -> None:
        """Run pip on this environment."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python")]
        subprocess.run([*pip, *words, "--quiet"], check=True, cwd=cwd)

    @property
    def site(self) -> Path:
        """Where its packages are."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def surroundings(self) -> dict[str, str]:
        """The environment variables of its commands: nobody's home, and nobody's login but its own."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        foreign = ("DRIPLINE_", "PYTHON")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        return {**inherited, "PATH": path, "HOME": str(self.folder), **self.variables}

    def attempt(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, however that is."""
        streams = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
        return subprocess.run(
            self._located(words), env=self.surroundings(), cwd=cwd or self.folder, timeout=200, **streams
        )

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run a command to its end and return its standard output; an exit code other than 0 fails."""
        done = self.attempt(*words, cwd=cwd)
        assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, *words: str, cwd: Path | None = None) -> Iterator[Program]:
        """Run a command in the background; leaving the block ends it, and it has to end well."""
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output").open("wb") as output:
            process = subprocess.Popen(
                self._located(words),
                env=self.surroundings(),
                cwd=cwd or self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            program = Program(process, Path(output.name))
            try:
                yield program
            finally:
                process.terminate()
                process.wait(60)
            assert process.returncode == 0, program.output

    def _located(self, words: tuple[str, ...]) -> list[str]:
        return [str(self.folder / "bin" / words[0]), *words[1:]]


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's source folder."""
    return PROJECT


@pytest.fixture(scope="session")
def new_environment() -> type[Environment]:
    """What makes environments: ``new_environment.create(folder)``, or one around a folder that has a bin."""
    return Environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel: the one named by DRIPLINE_WHEEL, or one built from a copy of the source."""
    if "DRIPLINE_WHEEL" in os.environ:
        return Path(os.environ["DRIPLINE_WHEEL"])
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT, folder / "source", ignore=LEFT_OUT)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*build, str(folder / "source")], check=True)
    return next(folder.glob("dripline-*.whl"))


@pytest.fixture(scope="session")
def extension_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the extension example, so that installing it leaves nothing in ours."""
    return Path(
        shutil.copytree(
            PROJECT / "extensions_example", tmp_path_factory.mktemp("source") / "jitter", ignore=LEFT_OUT
        )
    )


@pytest.fixture
def free_port() -> int:
    """A port nobody listens at."""
    return ports.free_port()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """An embedded broker on a free port."""
    with broker_for_tests() as embedded:
        yield embedded
