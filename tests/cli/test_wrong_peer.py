"""Something other than the broker listens at its address: one clear line, instead of waiting for ever."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from pika import frame, spec
from support import bad_peers
from support.certificates import Certificates

from dripline.core import Interface
from dripline.errors import BrokerUnreachable

SERVICE = "name: s\nendpoints: [{name: x, module: KeyValueStore}]\n"
AMQP_0_8 = frame.Method(0, spec.Connection.Start(8, 0, {}, "PLAIN", "en_US")).marshal()


def saying(words: bytes) -> bad_peers.Peer:
    """Answers the first bytes of a connection, and hangs up."""

    def behave(client: socket.socket) -> None:
        client.recv(100)
        client.sendall(words)
        client.close()

    return bad_peers.Peer(behave)


@contextlib.contextmanager
def http_server() -> Iterator[http.server.ThreadingHTTPServer]:
    """A real one, which waits for the end of a line."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.port = server.server_address[1]  # type: ignore[attr-defined]  # as a Peer has it
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def tls_peer(tmp_path_factory) -> Callable[[], bad_peers.Peer]:
    """Makes a peer that expects TLS."""
    pair = Certificates(tmp_path_factory.mktemp("authority")).server
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)

    def behave(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as encrypted:
            encrypted.recv(100)

    return lambda: bad_peers.Peer(behave)


PEERS = {
    "http": (
        http_server,
        "an HTTP server answers at {}, not an AMQP broker; is it the right port? Set it with -p",
    ),
    "http at once": (lambda: saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "an HTTP server answers at {}, not an"),
    "ssh": (
        lambda: saying(b"SSH-2.0-OpenSSH\r\n"),
        "{} does not answer as an AMQP 0-9-1 broker, it sends 'SSH-2.0",
    ),
    "amqp 1.0": (lambda: saying(b"AMQP\x00\x01\x00\x00"), "{} speaks AMQP 1.0, not 0-9-1; is it the right port?"),
    "echo": (
        lambda: saying(b"AMQP\x00\x00\x09\x01"),
        "{} sends back what it receives, it is not an AMQP broker; is it the right port?",
    ),
    "amqp 0-8": (lambda: saying(b"AMQP\x01\x01\x08\x00"), "{} speaks AMQP 0-8, not 0-9-1; is it the right port?"),
    "amqp 0-8 start": (lambda: saying(AMQP_0_8), "{} speaks AMQP of another version than 0-9-1"),
    "tls": (
        None,
        "{} expects TLS, and the connection is set to plain AMQP; use --tls (tls: true, or broker: amqps://{})",
    ),
}


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize(
    "words",
    [["dl", "serve", "s.yaml"], ["dl-serve", "-c", "s.yaml"], ["dl", "get", "x"], ["dl-mon"]],
    ids=" ".join,
)
def test_every_command_ends_with_a_line_that_names_it(shell, tls_peer, kind, words):
    """At the first attempt: trying again does not make a broker of it."""
    shell.write("s.yaml", SERVICE)
    peer, message = PEERS[kind]
    with (peer or tls_peer)() as running:
        done = shell.run(*words, "-b", "127.0.0.1", "-p", str(running.port))
    name = " ".join(words[:2]) if words[0] == "dl" else words[0]
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: {message.replace('{}', f'127.0.0.1:{running.port}')}")
    assert done.stderr.count("\n") == 1


def test_a_listener_that_says_nothing_ends_dl_serve(shell):
    """It could be a broker that hangs; `dl serve` does not wait for it without a limit."""
    with bad_peers.mute() as peer:
        done = shell.run("dl", "serve", shell.write("s.yaml", SERVICE), "-b", "127.0.0.1", "-p", str(peer.port))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "accepts connections but does not answer as an AMQP broker within 10 s" in done.stderr


def test_a_script_gets_advice_for_scripts(free_port):
    """Settings, not options of a command."""
    with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as peer:
        client = Interface(dripline_mesh={"broker": "127.0.0.1", "broker_port": peer.port})
        with client, pytest.raises(BrokerUnreachable, match=r"Set it with broker_port$"):
            client.get("x")
    mesh = {"broker": "127.0.0.1", "broker_port": free_port, "max_connection_attempts": 1}
    with Interface(dripline_mesh=mesh) as client, pytest.raises(ConnectionError) as caught:
        client.get("x")
    assert "dripline_mesh={'broker': …, 'broker_port': …}" in str(caught.value)
    assert " -b" not in str(caught.value)
