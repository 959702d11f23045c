"""TLS from files and options, in real processes and in the parts of commands."""

from __future__ import annotations

import shutil
import uuid

import pytest
from support.certificates import Certificates

from dripline.errors import ConfigurationError
from dripline.programs.common_options import CommonOptions
from dripline.programs.processes import _handed_on
from dripline.programs.session import load_session


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def no_mesh_file(monkeypatch, tmp_path):
    """Nothing comes from the home of who runs the tests."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def mesh_of(*words: str, **options):
    """The mesh that options lead to."""
    return load_session(CommonOptions(**options), words).session().mesh


def test_a_mesh_of_ones_own_with_tls(shell, certificates, free_port):
    """Broker, services in processes of their own and client; files are named relative to where they stand."""
    (shell.folder / "lab").mkdir()
    for name, file in (("ca", certificates.ca), ("own", certificates.server.certificate)):
        shutil.copy(file, shell.folder / "lab" / f"{name}.pem")
    names = [f"store_{uuid.uuid4().hex[:6]}" for _ in range(2)]
    files = [
        shell.write(
            f"lab/{name}.yaml",
            f"name: {name}\ndripline_mesh:\n  broker: amqps://localhost:{free_port}\n  ca_file: ca.pem\n"
            f"  certificate_file: own.pem\n"
            f"endpoints:\n  - {{name: {name}_value, module: KeyValueStore, initial_value: 3}}\n",
        )
        for name in names
    ]
    running = shell.start("dl", "serve", *files, "--key", certificates.server.key)
    running.wait_until(lambda: running.stderr.count(" serves 1 endpoint") == 2)
    words = ("get", f"{names[1]}_value")
    assert shell.run("dl", *words, "-c", files[0], "--key", certificates.server.key).stdout == "3\n"
    done = shell.run("dl", *words, "-b", "localhost", "-p", str(free_port), "--tls", "--no-verify")
    assert done.stdout == "3\n"
    assert done.stderr.count("verification is off") == 1
    done = shell.run("dl", *words, "-b", "localhost", "-p", str(free_port))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "use --tls" in done.stderr
    assert running.end() == 0


def test_an_embedded_broker_with_tls_needs_a_certificate(shell, free_port):
    """The remedy is told, and exit code 2."""
    done = shell.run("dl", "broker", "--tls", "-p", str(free_port))
    assert done.returncode == 2
    assert "--certificate and --key" in done.stderr


def test_options_lead_to_settings():
    """With the port that goes with TLS."""
    mesh = mesh_of(broker="lab", tls=True, ca_file="ca.pem", certificate="own.pem", key="key.pem", verify=False)
    assert (mesh.broker, mesh.broker_port, mesh.tls, mesh.verify) == ("lab", 5671, True, False)
    assert (mesh.ca_file, mesh.certificate_file, mesh.key_file) == ("ca.pem", "own.pem", "key.pem")
    assert mesh_of(broker="amqps://lab:5699").broker_port == 5699


def test_no_tls_is_enough_to_try_without(tmp_path):
    """The files that the configuration names are of no use then, and no mistake."""
    file = tmp_path / "service.yaml"
    file.write_text("dripline_mesh: {broker: lab, tls: true, ca_file: ca.pem, verify: false}\n")
    assert mesh_of(config=str(file)).tls
    mesh = mesh_of(config=str(file), tls=False)
    assert (mesh.tls, mesh.ca_file, mesh.broker_port) == (False, None, 5672)


def test_an_address_in_an_option_wins_over_parts_of_it_in_files(tmp_path):
    """Whoever tries another broker need not edit a file first."""
    file = tmp_path / "service.yaml"
    file.write_text(
        "dripline_mesh: {broker: lab, broker_port: 5699, virtual_host: here, tls: true, ca_file: ca.pem}\n"
    )
    mesh = mesh_of(config=str(file), broker="amqp://other:5673/there")
    assert (mesh.broker, mesh.broker_port, mesh.virtual_host) == ("other", 5673, "there")
    assert (mesh.tls, mesh.ca_file) == (False, None)
    mesh = mesh_of(config=str(file), broker="amqps://other")
    assert (mesh.broker_port, mesh.virtual_host, mesh.tls, mesh.ca_file) == (5699, "here", True, "ca.pem")
    with pytest.raises(ConfigurationError, match="leave one of them out"):
        mesh_of(config=str(file), broker="amqp://other:5673", port=5674)
    with pytest.raises(ConfigurationError, match="is for TLS, which is off"):
        mesh_of(config=str(file), broker="amqp://other", ca_file="ca.pem")


def test_files_are_looked_for_beside_what_names_them(tmp_path, monkeypatch):
    """Those of a configuration beside it, those of the mesh file in the home folder, those of options here."""
    (tmp_path / "lab").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("lab/ca.pem", "ca.pem", "home/key.pem"):
        (tmp_path / name).touch()
    (tmp_path / "home" / ".dripline_mesh.yaml").write_text("key_file: key.pem\n")
    file = tmp_path / "lab" / "service.yaml"
    file.write_text("dripline_mesh: {broker: amqps://lab, ca_file: ca.pem, certificate_file: elsewhere.pem}\n")
    mesh = mesh_of(config=str(file))
    assert mesh.ca_file == str(tmp_path / "lab" / "ca.pem")
    assert mesh.certificate_file == "elsewhere.pem"
    assert mesh.key_file == str(tmp_path / "home" / "key.pem")
    assert mesh_of(config=str(file), ca_file="ca.pem").ca_file == "ca.pem"


@pytest.mark.parametrize(
    ("block", "line", "text"),
    [
        ("broker: amqps://lab\n  tls: false", 2, "broker is amqps://lab, but tls is false"),
        ("broker: lab\n  ca_file: ca.pem", 3, "ca_file is for TLS, which is off"),
        ("broker: lab\n  ca_fil: ca.pem", 3, "did you mean 'ca_file'?"),
        ("tls: true\n  key_file: key.pem", 3, "key_file is given without certificate_file"),
    ],
)
def test_settings_that_contradict_each_other_are_told_with_their_place(tmp_path, block, line, text):
    """The line of the setting to change."""
    file = tmp_path / "service.yaml"
    file.write_text(f"dripline_mesh:\n  {block}\n")
    with pytest.raises(ConfigurationError) as caught:
        mesh_of(config=str(file))
    assert str(caught.value).startswith(f"{file}:{line}:3: dripline_mesh: ")
    assert text in str(caught.value)


def test_services_that_are_processes_get_the_options():
    """Switches too, in both positions."""
    given = CommonOptions(ca_file="ca.pem", certificate="own.pem", key="key.pem", tls=True, verify=False)
    words = _handed_on(given)
    assert words == ["--ca-file", "ca.pem", "--certificate", "own.pem", "--key", "key.pem", "--tls", "--no-verify"]
    assert _handed_on(CommonOptions(tls=False)) == ["--no-tls"]
    assert _handed_on(CommonOptions(auth_mechanism="external")) == ["--auth-mechanism", "external"]


def test_a_file_that_is_missing_is_reported_although_no_broker_is_running(shell, free_port):
    """Otherwise it would be the second error."""
    done = shell.run("dl", "get", "peaches", "-b", f"amqps://localhost:{free_port}", "--ca-file", "nowhere.pem")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("dl get: ca_file ")
    assert "nowhere.pem: No such file" in done.stderr
