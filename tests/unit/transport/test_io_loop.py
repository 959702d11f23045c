"""The loop that reads one socket, and those who write to it."""

import socket
import threading

import pytest

from dripline.transport import io_loop as socket_loop
from dripline.transport.io_loop import SocketLoop

pytestmark = pytest.mark.usefixtures("no_leaks")


class Running:
    """A loop on one end of a socket pair, and what it told."""

    def __init__(self):
        ours, self.peer = socket.socketpair()
        self.peer.settimeout(30)
        self.data = bytearray()
        self.closed = threading.Event()
        self.error = None
        self.loop = SocketLoop(ours, self._on_data, self._on_closed)
        self.loop.start()

    def on_loop(self, action):
        """Run something on the loop's thread, and wait for it."""
        done, result = threading.Event(), []
        self.loop.call_soon(lambda: (result.append(action()), done.set()))
        assert done.wait(30)
        return result[0]

    def _on_data(self, data):
        self.data += data

    def _on_closed(self, error):
        self.error = error
        self.closed.set()

    def stop(self):
        """End all."""
        self.loop.call_soon(self.loop.abort)
        self.loop.thread.join(30)
        self.peer.close()


@pytest.fixture
def running():
    """A running loop."""
    running = Running()
    yield running
    running.stop()


def asleep(running):
    """Wait until the loop sleeps, so that senders write themselves."""
    running.on_loop(lambda: None)
    while running.loop._awake:
        running.on_loop(lambda: None)


def fill(running):
    """Send until nobody takes any more."""
    for _ in range(100):
        running.loop.send(b"x" * 100_000, timeout_s=0.05)


def test_what_is_sent_arrives(running):
    """Bytes of any thread go to the peer, in order."""
    running.loop.send(b"one ")
    running.on_loop(lambda: running.loop.send(b"two "))
    running.loop.send(b"three")
    assert running.peer.recv(13, socket.MSG_WAITALL) == b"one two three"


def test_what_the_peer_sends_is_told(running):
    """Bytes are handed on as they come; the end of the stream is an error."""
    running.peer.sendall(b"hello")
    running.peer.shutdown(socket.SHUT_WR)
    assert running.closed.wait(30)
    assert running.data == b"hello"
    assert isinstance(running.error, ConnectionResetError)


def test_what_the_socket_does_not_take_follows_later(running):
    """A slow peer gets everything, while senders go on."""
    piece = bytes(range(256)) * 1000
    for _ in range(20):
        running.loop.send(piece)
    received = bytearray()
    while len(received) < 20 * len(piece):
        received += running.peer.recv(1 << 20)
    assert received == piece * 20


def test_many_threads_may_send(running):
    """Pieces of different threads are never mixed up."""
    pieces = [bytes([number]) * 1000 for number in range(8)]

    def work(piece):
        for _ in range(50):
            running.loop.send(piece)

    threads = [threading.Thread(target=work, args=(piece,)) for piece in pieces]
    for thread in threads:
        thread.start()
    received = bytearray()
    while len(received) < 8 * 50 * 1000:
        received += running.peer.recv(1 << 20)
    for thread in threads:
        thread.join()
    for at in range(0, len(received), 1000):
        assert received[at : at + 1000] in pieces


def test_a_peer_that_takes_nothing_makes_senders_wait_only_so_long(running, monkeypatch):
    """The backlog is bounded; a sender that finds it full waits for its time, and small frames do not wait."""
    monkeypatch.setattr(socket_loop, "_MAX_BACKLOG", 100_000)
    with pytest.raises(TimeoutError, match=r"took no data for 0\.05 s"):
        fill(running)
    running.loop.send(b"ack")


def test_room_in_the_backlog_lets_senders_go_on(running, monkeypatch):
    """A sender that waits continues as soon as the peer reads."""
    monkeypatch.setattr(socket_loop, "_MAX_BACKLOG", 100_000)
    with pytest.raises(TimeoutError):
        fill(running)
    reader = threading.Thread(target=lambda: [running.peer.recv(1 << 20) for _ in range(50)], daemon=True)
    reader.start()
    running.loop.send(b"y" * 100_000, timeout_s=30)
    running.loop.call_soon(running.loop.abort)
    reader.join(30)


def test_the_end_wakes_senders_that_wait(running, monkeypatch):
    """Who waits for room when the connection ends is told so."""
    monkeypatch.setattr(socket_loop, "_MAX_BACKLOG", 100_000)
    with pytest.raises(TimeoutError):
        fill(running)
    threading.Timer(0.1, running.loop.call_soon, (running.loop.abort,)).start()
    with pytest.raises(ConnectionError):
        running.loop.send(b"late", timeout_s=30)


def test_nothing_is_sent_after_the_end(running):
    """A closed connection says so."""
    running.on_loop(running.loop.end)
    assert running.closed.wait(30)
    assert running.error is None
    with pytest.raises(ConnectionError):
        running.loop.send(b"late")
    running.loop.call_soon(lambda: pytest.fail("called after the end"))


def test_the_last_words_are_sent(running):
    """What waits in the backlog is sent before the end."""
    running.on_loop(lambda: (running.loop.send(b"x" * 3_000_000), running.loop.end()))
    received = 0
    while data := running.peer.recv(1 << 20):
        received += len(data)
    assert received == 3_000_000


def test_what_breaks_on_the_loop_ends_it(running):
    """An exception in a callback is told as the reason."""
    running.loop.call_soon(lambda: 1 / 0)
    assert running.closed.wait(30)
    assert isinstance(running.error, ZeroDivisionError)


def test_timers_run_in_their_order_unless_they_are_cancelled(running):
    """A timer runs at its time, on the loop's thread."""
    heard, done = [], threading.Event()

    def start():
        loop = running.loop
        loop.call_later(0.04, done.set)
        loop.call_later(0.02, lambda: heard.append(threading.current_thread() is loop.thread))
        loop.call_later(0.0, lambda: heard.append("first"))
        loop.cancel(loop.call_later(0.01, lambda: heard.append("cancelled")))

    running.on_loop(start)
    assert done.wait(30)
    assert heard == ["first", True]


def test_a_sender_writes_itself_while_the_loop_sleeps_and_leaves_it_to_the_loop_otherwise(running):
    """No wake-up is needed in the first case; in the second many messages share a system call."""
    asleep(running)
    writes, write = [], running.loop._write
    running.loop._write = lambda data: (writes.append((threading.current_thread(), len(data))), write(data))[1]
    running.loop.send(b"itself")
    assert writes == [(threading.current_thread(), 6)]
    running.on_loop(lambda: [running.loop.send(b"12345") for _ in range(10)])
    asleep(running)
    assert writes[1:] == [(running.loop.thread, 50)]


def test_a_flood_of_calls_from_many_threads_is_run_completely(running):
    """No call is lost between falling asleep and waking up."""
    ran = []

    def work():
        for _ in range(500):
            running.loop.call_soon(lambda: ran.append(1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.on_loop(lambda: None)
    assert len(ran) == 2000
