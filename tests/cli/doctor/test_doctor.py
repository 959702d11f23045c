"""`dl doctor` on a mesh that is well, and what it finds in installation and configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pika
import pytest
from contract.meshes import serving
from support.member import Member

import dripline
from dripline.core import Service

from ..conftest import PATIENCE_S
from .helpers import line_with, pong, settings_of

PROJECT = Path(dripline.__file__).parents[1]


# -- nothing is broken ---------------------------------------------------------------------------------------


def test_a_service_that_is_well_is_told_ready(mesh, store):
    """Exit 0, so that `dl doctor my_store && …` works; one line for each link."""
    done = mesh.run("dl", "doctor", store.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{store.name} ready: ping " in done.stdout
    assert f"{store.name}: 3 endpoints answer" in done.stdout
    for examination in ("installation", "configuration", "address", "login", "exchanges", "services", "clock"):
        assert f"\nok       {examination}" in f"\n{done.stdout}"
    assert "broken" not in done.stdout


def test_without_names_all_services_of_the_mesh_are_examined(shell, own):
    """Quickly; and `--json` tells programs versions, times and offsets."""
    with serving(Service(own.name("store"), **own.login)) as service:
        start = time.monotonic()
        done = shell.run("dl", "doctor", "--json")
        took_s = time.monotonic() - start
    found = json.loads(done.stdout)
    assert (done.returncode, found["well"], found["exit_code"], found["not_examined"]) == (0, True, 0, [])
    (about,) = [entry["facts"] for entry in found["findings"] if entry.get("facts", {}).get("service")]
    assert about["service"] == service.name
    assert "dripline-python" in about["versions"]
    assert about["health"]["ready"] is True
    assert took_s < 45, "3 s on a machine that is not busy"


def test_a_service_of_another_program_is_judged_by_its_ping(shell, own):
    """It knows neither `health` nor a list of endpoints."""
    with Member(settings_of(own), own.name("old"), lambda request: pong(request)) as old:
        done = shell.run("dl", "doctor", old.name)
    assert done.returncode == 0, done.stdout
    assert f"{old.name} answers: ping " in done.stdout


def test_nothing_is_changed_on_the_mesh(shell, own):
    """Exchanges that are not there yet are not made by looking for them."""
    done = shell.run("dl", "doctor")
    assert done.returncode == 0
    assert f"not there yet: {own.requests!r} and {own.alerts!r}" in done.stdout
    with own.pika() as connection, pytest.raises(pika.exceptions.ChannelClosedByBroker, match="404"):
        connection.channel().exchange_declare(own.alerts, passive=True)


# -- installation and configuration --------------------------------------------------------------------------


def test_a_wrong_scarab_is_the_first_broken_link(shell):
    """The name belongs to another program on PyPI; the remedy names where it was found."""
    (shell.folder / "lib" / "scarab").mkdir(parents=True)
    shell.write("lib/scarab/__init__.py", "raise RuntimeError('this is another program')\n")
    done = shell.run("dl", "doctor", PYTHONPATH=str(shell.folder / "lib"))
    assert (done.returncode, done.stderr) == (2, "")
    assert "the first broken link: installation: 'scarab' is imported from " in done.stdout
    assert f"take {shell.folder / 'lib'} out of PYTHONPATH" in done.stdout
    assert "not examined  configuration, address, encryption, login" in done.stdout


def test_another_dripline_on_the_path_is_told(shell, free_port):
    """Ours is imported now; in another order of the path it would not be."""
    (shell.folder / "lib" / "dripline").mkdir(parents=True)
    shell.write("lib/dripline/__init__.py", "")
    code = "import sys; sys.path.append('lib'); from dripline.cli.dl import main; main()"
    done = run_python(shell, code, "doctor", "-p", str(free_port))
    assert "there is another dripline/__init__.py in " in line_with("another dripline", done.stdout)


def test_an_extension_that_fails_is_a_warning(shell, free_port):
    """It disturbs nobody else."""
    (shell.folder / "lib" / "dripline" / "extensions" / "pumps").mkdir(parents=True)
    shell.write("lib/dripline/extensions/pumps/__init__.py", "import no_such_library\n")
    path = os.pathsep.join([str(PROJECT), str(shell.folder / "lib")])
    done = shell.run("dl", "doctor", "-p", str(free_port), PYTHONPATH=path)
    line = line_with("extension 'pumps' fails", done.stdout)
    assert line.startswith("warning  installation")
    assert "no_such_library" in line


def test_a_broken_mesh_file_is_told_with_its_line(shell):
    """Exit 2; nothing beyond can be examined."""
    (shell.home / ".dripline_mesh.yaml").write_text("broker: localhost\nbroker_prot: 5672\n")
    done = shell.run("dl", "doctor")
    assert done.returncode == 2
    line = line_with("broker_prot", done.stdout)
    assert line.startswith("broken   configuration ")
    assert ".dripline_mesh.yaml:2:1: " in line
    assert "did you mean 'broker_port'?; try: edit ~/.dripline_mesh.yaml" in line


def test_a_file_is_checked_and_names_the_mesh(shell, own):
    """What is wrong in it is told as `dl check` does, and the mesh is examined all the same."""
    mesh = json.dumps(own.settings)
    endpoints = "endpoints: [{name: peaches, module: KeyValueStor}]"
    shell.write("store.yaml", f"name: {own.name('store')}\nmodule: Service\ndripline_mesh: {mesh}\n{endpoints}\n")
    with own.pika() as connection:
        for name in (own.requests, own.alerts):
            connection.channel().exchange_declare(name, "topic")
        done = shell.run("dl", "doctor", "store.yaml")
    assert done.returncode == 2
    assert "did you mean 'KeyValueStore'?" in line_with("KeyValueStor'", done.stdout)
    assert line_with("is not on the mesh", done.stdout).endswith("; try: dl serve store.yaml")


def test_a_misspelt_variable_is_told_and_no_secret_is(shell, free_port):
    """`DRIPLINE_PASWORD` does nothing; its value, and that of the right one, are not shown."""
    secrets = {"DRIPLINE_PASWORD": "swordfish", "DRIPLINE_PASSWORD": "swordfish", "DRIPLINE_USER": "ada"}
    done = shell.run("dl", "doctor", "-p", str(free_port), **secrets)
    assert "did you mean 'DRIPLINE_PASSWORD'?" in line_with("DRIPLINE_PASWORD", done.stdout)
    assert "environment: DRIPLINE_PASSWORD=…, DRIPLINE_USER=ada" in done.stdout
    assert "swordfish" not in done.stdout + done.stderr


def run_python(shell, code: str, *words: str):
    """Run a program that is not started with -m."""
    environment = shell._surroundings({})
    environment["PYTHONPATH"] = str(PROJECT)
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=shell.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
