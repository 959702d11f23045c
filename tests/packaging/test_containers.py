"""The container files do what they say: their images are built, and their services run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from support.containers import Container, base_image, built, require_engine
from support.rabbitmq_node import RabbitMQNode, new_node

PROJECT = Path(__file__).parents[2]
DOCKERFILES = [PROJECT / "Dockerfile", PROJECT / "extensions_example" / "Dockerfile"]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "dripline"}
BROKER = "rabbitmq-broker"


def instructions(dockerfile: Path) -> list[list[str]]:
    """The lines of a Dockerfile, each as its instruction and the rest."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    return [line.split(maxsplit=1) for line in text.splitlines() if line]


def command_of(dockerfile: Path) -> list[str]:
    """What a container does by default."""
    return json.loads(dict(instructions(dockerfile))["CMD"])


@pytest.fixture(scope="module")
def base() -> str:
    """An image with Python, in the place of the official one."""
    require_engine()
    return base_image()


@pytest.fixture(scope="module")
def image(base: str) -> Iterator[str]:
    """The image of the project."""
    with built(PROJECT, base) as image:
        yield image


@pytest.fixture(scope="module")
def example_image(image: str) -> Iterator[str]:
    """The image of the example extension."""
    with built(PROJECT / "extensions_example", image, BASE=image) as example:
        yield example


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQNode]:
    """A broker with the user that the compose file creates."""
    login = COMPOSE["services"][BROKER]["environment"]
    user = login["RABBITMQ_DEFAULT_USER"]
    with new_node() as node:
        node.ctl("add_user", user, login["RABBITMQ_DEFAULT_PASS"])
        node.ctl("set_permissions", user, ".*", ".*", ".*")
        yield node


@pytest.fixture
def where(rabbitmq: RabbitMQNode) -> list[str]:
    """Options with the address of that broker."""
    return ["-b", rabbitmq.host, "-p", str(rabbitmq.port), "--max-connection-attempts", "1"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=["dripline", "extension"])
def test_a_container_serves_a_mesh_of_its_own_by_default(dockerfile: Path) -> None:
    """The default command is ours, with the embedded broker."""
    program, *options = command_of(dockerfile)
    assert "--embedded-broker" in options
    assert program in {script.name for script in entry_points(group="console_scripts")}


def test_a_container_does_not_run_as_root() -> None:
    """The user is changed before anything is copied or installed."""
    order = [instruction for instruction, _ in instructions(DOCKERFILES[0])]
    assert order.index("USER") < order.index("COPY")


def test_the_default_command_works(image: str, free_port: int) -> None:
    """A container started without a command serves the first mesh, as a user without privileges, until SIGTERM."""
    with Container(image) as container:
        words = [*command_of(DOCKERFILES[0]), "-p", str(free_port)]
        with container.running(*words) as service:
            service.wait_until(lambda: "my_store serves 4 endpoints" in service.output)
            assert service.user != 0
            assert container.run("dl-agent", "-p", str(free_port), "get", "peaches")


def test_the_example_works(example_image: str, free_port: int) -> None:
    """The image of the extension serves the class that it brings."""
    with Container(example_image) as container:
        words = [*command_of(DOCKERFILES[1]), "-p", str(free_port)]
        with container.running(*words) as service:
            service.wait_until(lambda: " serves " in service.output)
            assert "jitter" in container.run("dl", "extensions")


def test_nothing_of_the_building_machine_stays_in_the_image(base: str, image: str) -> None:
    """Neither pip's configuration nor certificates."""
    files = ["/etc/ssl/certs/ca-certificates.crt", "/etc/xdg/pip", "/etc/pip.conf", "/home/dripline/.config/pip"]
    command = [
        "sh",
        "-c",
        f"cat {files[0]} | sha256sum; ls -A {' '.join(files[1:])} 2>&1; env | grep -i pip; true",
    ]
    with Container(base) as before, Container(image) as after:
        assert before.run(*command) == after.run(*command)


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


def test_the_mesh_of_the_compose_file_works(image: str, rabbitmq: RabbitMQNode, where: list[str]) -> None:
    """The store answers what the first mesh's README asks, and the monitor shows what it logs."""

    def words(name: str) -> list[str]:
        command = [rabbitmq.host if word == BROKER else word for word in OURS[name]["command"]]
        return [*command, "-p", str(rabbitmq.port)]

    with (
        Container(image, OURS["key-value-store"]["environment"]) as store,
        Container(image, OURS["monitor"]["environment"]) as monitor,
        store.running(*words("key-value-store")) as serving,
        monitor.running(*words("monitor")) as watching,
    ):

        def peaches(*words: str) -> str:
            return store.run("dl-agent", *words, "--json-print", *where)

        serving.wait_until(lambda: "my_store serves 4 endpoints" in serving.output)
        assert json.loads(peaches("get", "peaches"))["payload"] == {"value_cal": 1.5, "value_raw": 0.75}
        watching.wait_until(lambda: peaches("set", "peaches", "2") and "sensor_value.peaches" in watching.output)


def test_a_wrong_login_is_refused(image: str, where: list[str]) -> None:
    """The login in the compose file matters."""
    with Container(image, {"DRIPLINE_USER": "dripline", "DRIPLINE_PASSWORD": "guess"}) as stranger:
        refused = stranger.run("sh", "-c", f"dl-agent get peaches {' '.join(where)}; echo $?")
    assert refused.splitlines()[-1] == "1"
