"""Environments, services and clients of the compatibility tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contract.conftest import embedded, rabbitmq  # noqa: F401  # fixtures

from compat.installing import KINDS, Environment, install, only_one
from compat.laboratory import Client, Laboratory
from dripline.core import Interface
from dripline.transport.address import BrokerAddress


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory, request) -> Path:
    """A folder that all workers of a test run share."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if hasattr(request.config, "workerinput") else folder
    return shared / "compat"


@pytest.fixture(scope="session")
def tools(common_folder) -> Path:
    """Setuptools of today, in a folder outside of all environments."""
    folder = common_folder / "tools"
    with only_one(common_folder, "tools") as still:
        if still:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--target", str(folder), "setuptools>=80"], check=True)
    return folder


@pytest.fixture(scope="session")
def environments(common_folder, tools) -> Iterator[Callable[[str], Environment]]:
    """Gives the environment of a kind; all are made from the first use on, two at a time."""

    def make(kind: str) -> Environment:
        with only_one(common_folder, kind) as still:
            if still:
                install(kind, Environment.create(common_folder / kind), tools)
        return Environment(common_folder / kind)

    with ThreadPoolExecutor(2) as pool:
        futures = {kind: pool.submit(make, kind) for kind in KINDS}
        yield lambda kind: futures[kind].result()


@pytest.fixture(scope="session", params=["plain", "editable"])
def environment(request, environments) -> Environment:
    """An environment in which everything is installed by copy, then one in which everything is editable."""
    return environments(request.param)


@pytest.fixture(scope="session", params=["embedded", "rabbitmq"])
def address(request) -> BrokerAddress:
    """Each broker in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def laboratory(environment, address, tmp_path_factory) -> Iterator[Laboratory]:
    """All services of an environment on a broker."""
    laboratory = Laboratory(environment, address, tmp_path_factory.mktemp("laboratory") / "home")
    try:
        laboratory.open()
        yield laboratory
    finally:
        laboratory.close()


@pytest.fixture(scope="session")
def interface(laboratory) -> Iterator[Interface]:
    """A client on the laboratory's mesh."""
    with Interface(dripline_mesh=laboratory.mesh) as client:
        yield client


@pytest.fixture
def ask(request, laboratory, interface) -> Client:
    """Asks the service that a test module names as ``SERVICE``, as soon as it serves."""
    laboratory.wait_for(request.module.SERVICE)
    return Client(interface, laboratory)
