"""An extension package installed beside dripline works at once, plainly and in development mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SERVICE = "jitter-service.yaml"


@pytest.fixture(scope="module", params=["plain", "editable"])
def environment(request, tmp_path_factory, new_environment, wheel: Path, extension_source: Path):
    """A fresh environment with dripline and the extension, and pytest for the extension's own tests."""
    environment = new_environment.create(tmp_path_factory.mktemp(request.param) / "venv")
    option = [] if request.param == "plain" else ["--editable"]
    environment.install(str(wheel), *option, f"{extension_source}[test]")
    return environment


@pytest.fixture(scope="module")
def agent(environment, broker, extension_source: Path):
    """Calls ``dl-agent`` while ``dl-serve`` runs the extension's service, and gives its reply as a dict."""
    where = ["-b", broker.host, "-p", str(broker.port)]

    def ask(*words: str) -> dict:
        return json.loads(environment.run("dl-agent", *words, "--json-print", *where))

    with environment.running("dl-serve", "-c", SERVICE, *where, cwd=extension_source) as service:
        service.wait_until(lambda: "jitter_service serves 2 endpoints" in service.output)
        yield ask


def test_its_own_tests_pass_where_it_is_installed(environment, extension_source: Path) -> None:
    """The example's tests are run as its author would run them."""
    environment.run("python", "-m", "pytest", "-q", cwd=extension_source)


def test_an_endpoint_of_the_extension_answers(agent) -> None:
    """The YAML names the class, and nothing else has to be said."""
    payload = agent("get", "trembling")["payload"]
    assert 9.5 <= payload["value_raw"] <= 10.5
    assert payload["value_cal"] == pytest.approx(2 * payload["value_raw"])


def test_a_method_of_the_extension_can_be_called(agent) -> None:
    """The same seed, the same readings, all the way through the mesh."""
    readings = []
    for _ in range(2):
        assert agent("cmd", "trembling", "-s", "update_seed", "7")["return_code"] == 0
        readings.append(agent("get", "trembling")["payload"])
    assert readings[0] == readings[1]


def test_the_version_of_the_extension_travels_with_its_messages(agent) -> None:
    """Who reads a message later can tell which extension made it."""
    versions = agent("get", "steady")["sender_info"]["versions"]
    jitter = versions["dripline.extensions.jitter"]
    assert jitter == {"version": "1.0.0", "commit": "na", "package": "dripline-jitter"}
    assert versions["dripline-python"]["version"].startswith("6.")
