"""Container images, built and run with Debian's buildah and debootstrap; no container daemon is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

_BASE = "localhost/dripline-test-base"
_PACKAGES = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates"
_CA_FILE = "/etc/ssl/certs/ca-certificates.crt"
_PIP_FOLDER = "/etc/xdg/pip"
_ISOLATED = ("--isolation", "chroot", "--network", "host")


def require_engine() -> None:
    """Skip the test where images cannot be built; fail in CI."""
    missing = [program for program in ("buildah", "debootstrap") if shutil.which(program) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        reason = f"needs {', '.join(missing)} to build images"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def buildah(*words: str, cwd: Path | None = None) -> str:
    """Run buildah and return what it prints; a failure fails the test with all that it has said."""
    done = subprocess.run(["buildah", *words], cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"buildah {' '.join(words)}:\n{done.stdout[-5000:]}{done.stderr[-5000:]}"
    return done.stdout.strip()


def base_image() -> str:
    """Return the name of a base image with Python, made from Debian's packages unless there is one."""
    if _BASE not in buildah("images", "--format", "{{.Name}}").split():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, done.stdout[-5000:]
            (root / _PIP_FOLDER[1:]).mkdir(parents=True)  # where builds find pip's configuration
            container = buildah("from", "scratch")
            buildah("add", "--quiet", container, str(root), "/")
            buildah("commit", "--quiet", "--rm", container, _BASE)
    return _BASE


@contextmanager
def built(context: Path, base: str, **arguments: str) -> Iterator[str]:
    """Build the Dockerfile of a folder, and remove the image in the end.

    pip's access to its index, its certificates for example, is that of this machine, for the time of the build.

    Args:
        context: The folder.
        base: Image in the place of the one that the Dockerfile names.
        **arguments: Build arguments.

    Yields:
        The name of the image.
    """
    name = f"localhost/dripline-test-{uuid.uuid4().hex[:10]}"
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as pip:
        (Path(pip) / "pip.conf").write_text(f"[global]\ncert = {_CA_FILE}\n{_index()}")
        mounts = ["-v", f"{pip}:{_PIP_FOLDER}:ro", "-v", f"{_CA_FILE}:{_CA_FILE}:ro"]
        buildah(
            "bud", *_ISOLATED, "--pull-never", "--from", base, *mounts, *words, "--tag", name, ".", cwd=context
        )
    try:
        yield name
    finally:
        buildah("rmi", "--force", name)


def _index() -> str:
    """The package index that pip uses here, if it is not the usual one."""
    found = subprocess.run(["pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    url = os.environ.get("PIP_INDEX_URL") or found.stdout.strip()
    return f"index-url = {url}\n" if url else ""


class Container:
    """A container of an image; its programs share this machine's network and processes.

    Args:
        image: Name of the image.
        variables: Environment variables of its programs.
    """

    def __init__(self, image: str, variables: Mapping[str, str] | None = None) -> None:
        self.id = buildah("from", "--pull-never", image)
        self._environment = [
            word for key, value in (variables or {}).items() for word in ("--env", f"{key}={value}")
        ]

    def run(self, *words: str) -> str:
        """Run a program to its end, as ``docker exec`` does; returns what it prints."""
        return buildah("run", *_ISOLATED, *self._environment, self.id, "--", *words)

    @contextmanager
    def running(self, *words: str) -> Iterator[Running]:
        """Run a program until the block ends; SIGTERM must end it well then."""
        with tempfile.TemporaryFile() as output:
            command = ["buildah", "run", *_ISOLATED, *self._environment, self.id, "--", *words]
            process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
            program = Running(process, words[0], output.fileno())
            try:
                yield program
            finally:
                program.terminate()
            assert process.returncode == 0, program.output

    def remove(self) -> None:
        """Take it away."""
        buildah("rm", self.id)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Running:
    """A program that is running in a container."""

    def __init__(self, process: subprocess.Popen[bytes], program: str, output: int) -> None:
        self.process = process
        self._program = program
        self._output = output

    @property
    def output(self) -> str:
        """What it has printed."""
        return os.pread(self._output, 1 << 20, 0).decode(errors="replace")

    @property
    def pid(self) -> int:
        """The number of the program's own process; buildah's are around it."""
        found = [self.process.pid]
        while children := _children(found[-1]):
            found.append(children[0])
        return found[-1]

    @property
    def user(self) -> int:
        """The number of the user that it runs as."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Uid:"))

    def wait_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Return when the condition holds; fail when it does not in time, or the program ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"not after {seconds} s:\n{self.output}"
            time.sleep(0.05)

    def terminate(self) -> None:
        """End it with SIGTERM, as ``docker stop`` does."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        self.process.wait(60)


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for thread in threads for word in thread.read_text().split()]
