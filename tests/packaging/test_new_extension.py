"""What `dl new extension` writes works at once, in an environment that has nothing but dripline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STRICT = "E,F,W,I,B,UP,N,D,C4,SIM,PT,RUF,PIE,RET"


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A new extension."""
    folder = tmp_path_factory.mktemp("new")
    words = ["new", "extension", "lab_heating", "--directory", "lab heating"]
    done = subprocess.run(
        [sys.executable, "-m", "dripline.cli.dl", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("wrote lab heating/pyproject.toml\n")
    assert "cd 'lab heating' && pip install -e '.[test]' && pytest\n" in done.stdout
    return folder / "lab heating"


@pytest.fixture(scope="module")
def environment(tmp_path_factory, new_environment, wheel: Path, package: Path):
    """A fresh environment with dripline and the new extension."""
    environment = new_environment.create(tmp_path_factory.mktemp("environment") / "venv")
    environment.install(str(wheel), f"{package}[test]")
    return environment


def test_its_tests_pass(environment, package: Path) -> None:
    """As its author runs them."""
    assert " passed" in environment.run("python", "-m", "pytest", "-q", cwd=package)


def test_its_configuration_has_no_mistakes(environment, package: Path) -> None:
    """Not even a warning."""
    environment.run("dl", "check", "--strict", "lab_heating.yaml", cwd=package)


def test_it_is_found(environment, package: Path) -> None:
    """With its classes, by `dl extensions`."""
    listed = environment.run("dl", "extensions", "--json", cwd=package)
    assert "lab_heating" in listed
    assert {"LabHeatingOutput", "LabHeatingSupply"} <= set(json.dumps(json.loads(listed)).split('"'))


def test_its_service_runs(environment, package: Path, broker) -> None:
    """Also as long as the instrument is not there."""
    words = ["-c", "lab_heating.yaml", "-b", broker.host, "-p", str(broker.port)]
    with environment.running("dl-serve", *words, cwd=package) as service:
        service.wait_until(lambda: "lab_heating_supply serves 2 endpoints" in service.output)


def test_its_code_is_clean(package: Path) -> None:
    """By its own settings, and by rules like ours."""
    strict = [
        "--extend-select",
        STRICT,
        "--ignore",
        "D105,D107",
        "--config",
        "lint.pydocstyle.convention='google'",
    ]
    for words in (["check"], ["check", *strict], ["format", "--check"]):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *words,
                "--no-cache",
                str(package / "dripline"),
                str(package / "tests"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_its_types_are_right(environment, package: Path, tmp_path: Path) -> None:
    """By its own settings, and by strict ones: what dripline offers has types."""
    python = environment.run("python", "-c", "import sys; print(sys.executable)").strip()
    words = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), "--python-executable", python]
    for more in (["."], ["--strict", "dripline"]):
        done = subprocess.run([*words, *more], cwd=package, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
