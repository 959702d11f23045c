"""dripline.testing.leaks: what is left behind is named."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from dripline.testing import leaks, nothing_left_behind

needs_proc = pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="only Linux tells which sockets are open"
)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Nothing is granted a moment."""
    monkeypatch.setattr(leaks, "PATIENCE_S", 0.05)


def test_what_ends_in_time_is_no_leak() -> None:
    """Threads are granted a moment, sockets as well."""
    with nothing_left_behind():
        end = threading.Event()
        threading.Thread(target=end.wait, args=(5,)).start()
        server = socket.create_server(("127.0.0.1", 0))
        threading.Timer(0.05, lambda: (server.close(), end.set())).start()


def test_what_was_there_before_is_no_leak(impatient) -> None:
    """Only what is new counts."""
    with socket.create_server(("127.0.0.1", 0)), nothing_left_behind():
        pass


def test_threads_are_named(impatient) -> None:
    """All of them."""
    end = threading.Event()
    forgotten = [threading.Thread(target=end.wait, args=(5,), name=name) for name in ("two", "one")]
    with pytest.raises(AssertionError, match=r"threads left behind: one, two$"), nothing_left_behind():
        _ = [thread.start() for thread in forgotten]
    end.set()


@needs_proc
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_sockets_are_told_by_their_addresses(impatient, family, host: str) -> None:
    """So that it is clear whose they are."""
    server = socket.socket(family)
    try:
        server.bind((host, 0))
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with server:
        server.listen()
        port = server.getsockname()[1]
        told = rf"sockets left behind: {host}:\d+ -> {host}:{port}$"
        with pytest.raises(AssertionError, match=told), nothing_left_behind():
            client = socket.create_connection((host, port))
        client.close()


@needs_proc
def test_other_sockets_are_told_by_their_number(impatient) -> None:
    """As the system names them."""
    told = r"sockets left behind: socket:\[\d+\], socket:\[\d+\]$"
    with pytest.raises(AssertionError, match=told), nothing_left_behind():
        pair = socket.socketpair()
    for end in pair:
        end.close()
