"""dripline.transport.tls: bytes in, bytes out, and a loop that many threads use with it."""

import contextlib
import socket
import ssl
import threading

import pytest
from support.certificates import Certificates

from dripline.transport import io_loop as socket_loop
from dripline.transport.address import TlsSettings
from dripline.transport.io_loop import SocketLoop
from dripline.transport.tls import TlsEngine, client_context

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Peer:
    """The other side: Python's own TLS socket, after the handshake."""

    def __init__(self, certificates, version):
        ours, theirs = socket.socketpair()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server.certificate, certificates.server.key)
        context.maximum_version = version
        self.engine = TlsEngine(client_context(TlsSettings(certificates.ca)), "localhost")
        shaking = threading.Thread(target=self._accept, args=(context, theirs))
        shaking.start()
        self.engine.shake_hands(ours, 60)
        shaking.join()
        self.socket = ours

    def _accept(self, context, theirs):
        theirs.settimeout(20)
        self.tls = context.wrap_socket(theirs, server_side=True)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def peer(request, certificates):
    """A peer, with either version of TLS."""
    peer = Peer(certificates, request.param)
    yield peer
    peer.socket.close()
    peer.tls.close()


class Running:
    """A loop on a peer's connection."""

    def __init__(self, peer):
        self.data = bytearray()
        self.closed = threading.Event()
        self.error = None
        self.loop = SocketLoop(peer.socket, self._on_data, self._on_closed, peer.engine)
        self.loop.start()

    def _on_data(self, data):
        self.data += data

    def _on_closed(self, error):
        self.error = error
        self.closed.set()


@pytest.fixture
def running(peer):
    """A loop that speaks TLS."""
    running = Running(peer)
    yield running
    running.loop.call_soon(running.loop.abort)
    running.loop.thread.join(30)


def say_goodbye(peer):
    """End the conversation; after which nothing is read any more."""
    with contextlib.suppress(OSError):
        peer.tls.unwrap()  # which waits for our answer


def receive(peer, size):
    """As many bytes of the peer's."""
    received = bytearray()
    while len(received) < size:
        received += peer.tls.recv(1 << 16)
    return received


def test_bytes_may_come_in_any_pieces(peer):
    """What is not a whole record yet is kept until it is."""
    text = bytes(range(256)) * 200
    peer.tls.sendall(text)
    peer.socket.settimeout(30)
    said = b""
    while len(said) < len(text):
        for byte in peer.socket.recv(100):
            plain, _ = peer.engine.decrypt(bytes([byte]))
            said += plain
    assert said == text


def test_many_threads_write_while_the_loop_reads(peer, running):
    """Both ways at full speed: nothing is lost, mixed up or damaged, and nobody waits for the other."""
    pieces = [bytes([number]) * 30_000 for number in range(6)]
    answer, said = bytes(range(256)) * 256, 0

    def work(piece):
        for _ in range(30):
            running.loop.send(piece, timeout_s=20)

    threads = [threading.Thread(target=work, args=(piece,)) for piece in pieces]
    for thread in threads:
        thread.start()
    received = bytearray()
    while len(received) < 6 * 30 * 30_000:
        received += peer.tls.recv(1 << 16)
        peer.tls.sendall(answer)
        said += len(answer)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for at in range(0, len(received), 30_000):
        assert received[at : at + 30_000] in pieces
    say_goodbye(peer)
    assert running.closed.wait(30)
    assert len(running.data) == said
    assert running.data == answer * (said // len(answer))


def test_a_peer_that_takes_nothing_makes_senders_wait_only_so_long(peer, running, monkeypatch):
    """And what was accepted before still arrives whole when it takes something again."""
    monkeypatch.setattr(socket_loop, "_MAX_BACKLOG", 100_000)
    sent = 0

    def fill():
        nonlocal sent
        while True:
            running.loop.send(b"x" * 100_000, timeout_s=0.05)
            sent += 100_000

    with pytest.raises(TimeoutError, match="took no data"):
        fill()
    peer.tls.sendall(b"hello")  # reading goes on meanwhile
    assert receive(peer, sent) == b"x" * sent
    running.loop.send(b"y", timeout_s=30)
    assert receive(peer, 1) == b"y"


def test_the_end_is_told_to_the_peer(peer, running):
    """A goodbye of TLS's own: an end that somebody on the way made up can be told from it."""
    running.loop.send(b"last words")
    running.loop.call_soon(running.loop.end)
    assert receive(peer, 10) == b"last words"
    assert peer.tls.recv(10) == b""  # without the goodbye that is an error
    assert running.closed.wait(30)
    assert running.error is None


def test_the_end_of_the_peer_is_told(peer, running):
    """Its goodbye ends the loop as the end of a socket does."""
    peer.tls.sendall(b"bye")
    say_goodbye(peer)
    assert running.closed.wait(30)
    assert running.data == b"bye"
    assert isinstance(running.error, ConnectionResetError)


def test_bytes_that_were_changed_on_the_way_end_the_loop(peer, running):
    """Nothing of them is handed on."""
    peer.tls.sendall(b"")
    with socket.socket(fileno=socket.dup(peer.tls.fileno())) as bare:
        bare.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    assert running.closed.wait(30)
    assert isinstance(running.error, ssl.SSLError)
    assert running.data == b""


def test_a_handshake_has_its_time(certificates):
    """Who accepts a connection and never says anything holds nobody up."""
    ours, theirs = socket.socketpair()
    engine = TlsEngine(client_context(TlsSettings(certificates.ca)), "localhost")
    with ours, theirs, pytest.raises(TimeoutError):
        engine.shake_hands(ours, 0.1)
