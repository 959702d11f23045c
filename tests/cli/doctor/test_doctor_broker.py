"""`dl doctor` on the way to the broker: address, what answers there, TLS, login, exchanges."""

from __future__ import annotations

import http.server
import json
import os
import ssl
import threading
import time
import uuid

import pytest
from contract.conftest import _rabbitmqctl
from contract.meshes import fresh_mesh
from support.certificates import Certificates
from support.member import Member

from dripline.broker import EmbeddedBroker
from dripline.broker.listening import ServerTls
from dripline.transport.address import BrokerAddress

from .helpers import greeter, line_with, settings_of, tls_in_front_of

# -- address and what answers there --------------------------------------------------------------------------


def test_no_broker_is_told_at_once(shell, free_port):
    """With all that could be tried."""
    start = time.monotonic()
    done = shell.run("dl", "doctor", "-p", str(free_port))
    assert time.monotonic() - start < 30, "2 s on a machine that is not busy"
    assert done.returncode == 1
    assert f"first broken link: address: nobody listens at localhost:{free_port} (Connection ref" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "try: dl broker, or systemctl status rabbitmq-server, or -b HOST for a broker elsewhere"
    )


def test_a_name_that_leads_nowhere_is_told(shell):
    """Also where the name server takes its time."""
    done = shell.run("dl", "doctor", "-b", "no-such-host.invalid", "-t", "1")
    assert done.returncode == 1
    assert "the first broken link: address: the name 'no-such-host.invalid' " in done.stdout


def test_an_http_server_is_told(shell):
    """The port of RabbitMQ's management, for example."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = shell.run("dl", "doctor", "-p", str(server.server_port), "-t", "10")
        finally:
            server.shutdown()
    assert done.returncode == 1
    assert "an HTTP server answers at localhost:" in line_with("HTTP", done.stdout)
    assert "-p 5672" in done.stdout


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"", "accepts connections, but gives no answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answers, but not as a broker: 'SSH-2.0-OpenSSH_9.2"),
        (b"AMQP\x03\x01\x00\x00", "speaks AMQP, but not 0-9-1 (it offers 03.01.00.00)"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS, and the mesh is set to plain AMQP"),
    ],
)
def test_whatever_else_answers_is_told(shell, greeting, told):
    """By what it says when it is spoken to as a broker is."""
    with greeter(greeting) as port:
        done = shell.run("dl", "doctor", "-p", str(port), "-t", "10" if greeting else "0.3")
    assert (done.returncode, done.stderr) == (1, "")
    assert told in line_with("broken", done.stdout)


def test_a_plain_broker_is_told_to_who_wants_tls(shell, address):
    """The remedy is to leave TLS out."""
    done = shell.run("dl", "doctor", "-b", f"amqps://{address.host}:{address.port}", "-t", "10")
    assert done.returncode == 1
    line = line_with("TLS", done.stdout)
    assert line.startswith("broken   encryption ")
    assert "amqp://" in line


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_tls_with_a_broker_tells_when_its_certificate_ends(shell, certificates, embedded):
    """And all links behind it are examined through it."""
    with tls_in_front_of(embedded, certificates.server) as port:
        done = shell.run("dl", "doctor", "-c", tls_file(shell, port, certificates.ca))
    assert done.returncode == 0, done.stdout
    assert line_with("certificate valid for localhost, expires ", done.stdout).startswith("ok       encryption")
    assert "broker amqps://localhost:" in done.stdout
    assert "ok       login " in done.stdout


def test_an_https_server_is_told(shell, certificates):
    """It is no broker either."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = shell.run("dl", "doctor", "-c", tls_file(shell, server.server_port, certificates.ca), "-t", "5")
        finally:
            server.shutdown()
    assert done.returncode == 1
    assert "an HTTP server answers at localhost:" in line_with("HTTP", done.stdout)
    assert line_with("certificate valid for localhost", done.stdout).startswith("ok       encryption")


@pytest.mark.parametrize(
    ("which", "host", "authority", "told", "remedy"),
    [
        ("expired", "127.0.0.1", "ca", "certificate has expired", "renew the broker's certificate"),
        ("elsewhere", "localhost", "ca", "not valid for 'localhost'", "name the broker as its certificate does"),
        ("server", "localhost", "other_ca", "unable to get local issuer", "--ca-file (ca_file)"),
    ],
)
def test_a_certificate_that_is_refused_is_told_with_the_reason(
    shell, certificates, which, host, authority, told, remedy
):
    """And nothing is sent to such a broker."""
    nobody = BrokerAddress("127.0.0.1", 9)
    with tls_in_front_of(nobody, getattr(certificates, which)) as port:
        file = tls_file(shell, port, getattr(certificates, authority), host)
        done = shell.run("dl", "doctor", "-c", file)
    assert done.returncode == 1
    line = line_with("certificate is refused", done.stdout)
    assert told in line
    assert remedy in line


def test_a_file_of_certificates_that_is_missing_is_told(shell):
    """Before anything is sent."""
    with greeter(b"") as port:
        done = shell.run("dl", "doctor", "-c", tls_file(shell, port, "no-such-ca.pem"))
    assert done.returncode == 2
    assert "no-such-ca.pem" in line_with("broken ", done.stdout)


def test_a_broker_that_wants_a_certificate_of_us_is_told(shell, certificates, embedded):
    """It refuses after the handshake; with the right certificate all is well."""
    with tls_in_front_of(embedded, certificates.server, certificates.ca) as port:
        without = shell.run("dl", "doctor", "-c", tls_file(shell, port, certificates.ca))
        ours = ["--certificate", certificates.client.certificate, "--key", certificates.client.key]
        done = shell.run("dl", "doctor", "-c", tls_file(shell, port, certificates.ca), *ours)
    assert without.returncode == 1
    assert "--certificate FILE --key FILE" in line_with("broken   encryption", without.stdout)
    assert done.returncode == 0, done.stdout


def test_a_broker_with_tls_is_told_to_who_wants_plain_amqp(shell, certificates, embedded):
    """The remedy is an address with amqps."""
    with tls_in_front_of(embedded, certificates.server) as port:
        done = shell.run("dl", "doctor", "-p", str(port))
    assert done.returncode == 1
    line = line_with("speaks TLS, and the mesh is set to plain AMQP", done.stdout)
    assert f"-b amqps://localhost:{port}" in line


# -- login and exchanges -------------------------------------------------------------------------------------


def test_a_wrong_password_is_told_from_a_wrong_virtual_host(mesh, address):
    """Each has its own remedy; exit 1."""
    done = mesh.run("dl", "doctor", "--password", "swordfish")
    assert done.returncode == 1
    assert "first broken link: login: user 'guest' is refused: wrong name or password" in done.stdout
    assert "swordfish" not in done.stdout + done.stderr
    done = mesh.run("dl", "doctor", "-c", mesh.write("lab.yaml", "dripline_mesh: {virtual_host: no-such-lab}\n"))
    assert done.returncode == 1
    assert "first broken link: login: there is no virtual host 'no-such-lab'" in done.stdout
    assert "rabbitmqctl add_vhost no-such-lab" in done.stdout


@pytest.mark.parametrize(
    ("kind", "durable", "told"),
    [
        ("topic", True, "durable is true, a mesh wants false"),
        ("direct", False, "type is direct, a mesh wants topic"),
    ],
)
def test_an_exchange_of_another_kind_is_told_with_the_difference(shell, own, kind, durable, told):
    """Somebody declared it otherwise; no member of the mesh could connect."""
    with own.pika() as connection:
        channel = connection.channel()
        channel.exchange_declare(own.requests, "topic")
        channel.exchange_declare(own.alerts, kind, durable=durable)
        done = shell.run("dl", "doctor")
        channel.exchange_delete(own.alerts)
    assert done.returncode == 1
    line = line_with("broken ", done.stdout)
    assert f"exchange {own.alerts!r} was declared by somebody in another way: {told}" in line
    assert f"delete exchange name={own.alerts}" in line


def test_what_a_user_may_not_do_is_told(shell, rabbitmq):
    """And nothing is delivered by trying."""
    user = f"reader-{uuid.uuid4().hex[:8]}"
    if rabbitmq.virtual_host == "/" or not _rabbitmqctl("add_user", user, "secret"):
        missing = "needs rabbitmqctl, and a virtual host of the session's own in RabbitMQ"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    try:
        with fresh_mesh(rabbitmq) as mesh, Member(settings_of(mesh), "member"):
            _rabbitmqctl("set_permissions", "-p", rabbitmq.virtual_host, user, ".*", "amq.*", ".*")
            words = ["-c", shell.write("mesh.yaml", f"dripline_mesh: {json.dumps(mesh.settings)}\n")]
            done = shell.run("dl", "doctor", "-u", user, *words, DRIPLINE_PASSWORD="secret")
    finally:
        _rabbitmqctl("delete_user", user)
    assert done.returncode == 1
    line = line_with(f"may not publish to exchange {mesh.alerts!r}", done.stdout)
    assert f"rabbitmqctl set_permissions -p {rabbitmq.virtual_host} {user} '.*' '.*' '.*'" in line


@pytest.mark.parametrize(("user", "state"), [("lab", "ok       login"), ("somebody_else", "broken   login")])
def test_a_certificate_that_logs_in(shell, certificates, user, state):
    """It is named in place of a user, whether there is one of its name or not."""
    server, client = certificates.server, certificates.client
    tls = ServerTls(server.certificate, server.key, certificates.ca)
    words = ["--certificate", client.certificate, "--key", client.key, "--auth-mechanism", "external"]
    with EmbeddedBroker(port=0, username=user, tls=tls) as broker:
        done = shell.run("dl", "doctor", "-c", tls_file(shell, broker.port, certificates.ca), *words)
    assert line_with(f"the certificate in {client.certificate}", done.stdout).startswith(state)


def tls_file(shell, port: int, authority: str, host: str = "localhost") -> str:
    """A configuration for TLS."""
    settings = {"broker": host, "broker_port": port, "tls": True, "ca_file": authority}
    return shell.write("tls.yaml", f"dripline_mesh: {json.dumps(settings)}\n")
