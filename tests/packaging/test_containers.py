"""The container files do what they say: steps and commands are run, without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from dripline.broker import EmbeddedBroker

PROJECT = Path(__file__).parents[2]
DOCKERFILES = [PROJECT / "Dockerfile", PROJECT / "extensions_example" / "Dockerfile"]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "dripline"}
BROKER = "rabbitmq-broker"
HOME = "/home/dripline"


def instructions(dockerfile: Path) -> list[list[str]]:
    """The lines of a Dockerfile, each as its instruction and the rest."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    return [line.split(maxsplit=1) for line in text.splitlines() if line]


def command_of(dockerfile: Path) -> list[str]:
    """What a container does when it is told nothing."""
    return json.loads(dict(instructions(dockerfile))["CMD"])


class Image:
    """Follows a Dockerfile's steps in a folder that stands for the root of the image's file system."""

    def __init__(self, root: Path, context: Path) -> None:
        self._root = root
        self._context = context
        self._directory = "/"
        self._variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def path(self, name: str) -> Path:
        """Where a path of the image is on this machine."""
        return self._root / Path("/", self._directory, name).relative_to("/")

    def follow(self, instruction: str, rest: str) -> None:
        """Do one step; users, base images and default commands leave nothing behind in a folder."""
        steps = {"WORKDIR": self._workdir, "ENV": self._env, "COPY": self._copy, "RUN": self._run}
        if instruction in steps:
            steps[instruction](rest)
        else:
            assert instruction in {"FROM", "ARG", "USER", "CMD"}

    def _workdir(self, directory: str) -> None:
        self._directory = directory
        self.path(".").mkdir(parents=True, exist_ok=True)

    def _env(self, assignment: str) -> None:
        name, value = assignment.split("=")
        self._variables[name] = self._located(value).replace(f"${name}", self._variables[name])

    def _copy(self, rest: str) -> None:
        *sources, destination = [word for word in rest.split() if not word.startswith("--")]
        for name in sources:
            source, target = self._context / name, self.path(destination)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)

    def _run(self, command: str) -> None:
        if command.startswith("useradd"):
            return
        cached = self._located(command).replace("--no-cache-dir ", "")
        subprocess.run(["bash", "-ec", cached], check=True, cwd=self.path("."), env=self._variables)

    def _located(self, text: str) -> str:
        return text.replace(HOME, f"{self._root}{HOME}")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """What the Dockerfile's steps leave behind."""
    image = Image(tmp_path_factory.mktemp("image"), PROJECT)
    for instruction, rest in instructions(DOCKERFILES[0]):
        image.follow(instruction, rest)
    return image


@pytest.fixture(scope="module")
def container(image: Image, new_environment):
    """The environment a container's commands run in."""
    return new_environment(image.path("venv"))


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[EmbeddedBroker]:
    """A broker that lets in who the compose file creates, and nobody else."""
    login = COMPOSE["services"][BROKER]["environment"]
    user, password = login["RABBITMQ_DEFAULT_USER"], login["RABBITMQ_DEFAULT_PASS"]
    with EmbeddedBroker(port=0, username=user, password=password) as broker:
        yield broker


@pytest.fixture
def where(rabbitmq: EmbeddedBroker) -> list[str]:
    """Options that lead to that broker."""
    return ["-b", rabbitmq.host, "-p", str(rabbitmq.port), "--max-connection-attempts", "1"]


@pytest.fixture(scope="module")
def member(image: Image, container, rabbitmq: EmbeddedBroker):
    """Starts a service of the compose file as a process, with its command, folder and variables."""

    def start(name: str):
        words = [rabbitmq.host if word == BROKER else word for word in OURS[name]["command"]]
        variables = OURS[name]["environment"]
        environment = replace(container, variables=variables)
        return environment.running(*words, "-p", str(rabbitmq.port), cwd=image.path("."))

    return start


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["dripline", "extension"])
def test_a_container_serves_a_mesh_of_its_own_by_default(dockerfile: Path, container) -> None:
    """The default command is ours, and its file stands where the command looks for it."""
    program, *options = command_of(dockerfile)
    assert "--embedded-broker" in options
    assert program in {script.name for script in entry_points(group="console_scripts")}
    help_text = container.run(program, "--help")
    assert not [word for word in options if word.startswith("-") and word not in help_text]


def test_a_container_does_not_run_as_root() -> None:
    """The user is changed before anything is copied or installed."""
    order = [instruction for instruction, _ in instructions(DOCKERFILES[0])]
    assert order.index("USER") < order.index("COPY")


def test_the_default_command_works(image: Image, container, free_port: int) -> None:
    """A container started without a word serves."""
    words = [*command_of(DOCKERFILES[0]), "-p", str(free_port)]
    with container.running(*words, cwd=image.path(".")) as service:
        service.wait_until(lambda: "my_store serves 4 endpoints" in service.output)


def test_the_compose_file_starts_the_broker_first() -> None:
    """Who needs the broker waits until it is healthy, and it can say when."""
    assert COMPOSE["services"][BROKER]["healthcheck"]["test"][0] == "CMD"
    for service in OURS.values():
        assert service["depends_on"][BROKER] == {"condition": "service_healthy"}


def test_every_name_in_the_compose_file_exists() -> None:
    """What a service waits for, and the broker it talks to, are services of the file."""
    for service in OURS.values():
        assert set(service["depends_on"]) <= set(COMPOSE["services"])
        assert service["command"][service["command"].index("-b") + 1] == BROKER


def test_exactly_one_service_builds_the_image() -> None:
    """The others use what it built."""
    assert [name for name, service in OURS.items() if "build" in service] == ["key-value-store"]


def test_the_mesh_of_the_compose_file_works(member, container, where: list[str]) -> None:
    """The store answers, and the monitor shows what it logs."""
    client = replace(container, variables=OURS["key-value-store"]["environment"])

    def peaches(*words: str) -> str:
        return client.run("dl-agent", *words, "--json-print", *where)

    with member("key-value-store") as store, member("monitor") as monitor:
        store.wait_until(lambda: "my_store serves 4 endpoints" in store.output)
        assert json.loads(peaches("get", "peaches"))["payload"] == {"value_cal": 1.5, "value_raw": 0.75}
        monitor.wait_until(lambda: peaches("set", "peaches", "2") and "sensor_value.peaches" in monitor.output)


def test_a_wrong_login_is_refused(container, where: list[str]) -> None:
    """The login in the compose file matters: without it nobody gets in."""
    stranger = replace(container, variables={"DRIPLINE_USER": "dripline", "DRIPLINE_PASSWORD": "guess"})
    refused = stranger.attempt("dl-agent", "get", "peaches", *where)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "dripline" in refused.stderr
