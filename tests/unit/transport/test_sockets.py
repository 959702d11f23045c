"""Resolving a name and connecting to its addresses, with one limit for both."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from support.bad_peers import unanswered
from support.ports import free_port

from dripline.errors import ConnectionLost
from dripline.transport.address import BrokerAddress
from dripline.transport.progress import Progress
from dripline.transport.resolving import resolve
from dripline.transport.sockets import first_to_answer


@pytest.fixture
def listener():
    """Somebody who accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def progress(timeout_s: float) -> Progress:
    """A limit."""
    return Progress(BrokerAddress("host", connect_timeout_s=timeout_s))


def test_an_address_that_does_not_answer_is_no_reason_to_wait(listener):
    """The next one is tried a moment later, beside it."""
    with unanswered() as nowhere:
        begin = time.monotonic()
        found = [(socket.AF_INET, nowhere), (socket.AF_INET, listener)]
        with first_to_answer(found, progress(60).left_s) as sock:
            assert sock.getpeername() == listener
        assert time.monotonic() - begin < 20, "less than 1 s on a machine that is not busy"


def test_an_address_that_refuses_is_followed_by_the_next(listener):
    """At once."""
    found = [(socket.AF_INET, ("127.0.0.1", free_port())), (socket.AF_INET, listener)]
    with first_to_answer(found, progress(20).left_s) as sock:
        assert sock.getpeername() == listener


def test_nobody_answers():
    """The error is the last one; without any address it says so."""
    with pytest.raises(ConnectionRefusedError):
        first_to_answer([(socket.AF_INET, ("127.0.0.1", free_port()))] * 2, progress(20).left_s)
    with pytest.raises(OSError, match="no address"):
        first_to_answer([], progress(20).left_s)


def test_all_addresses_have_one_limit():
    """Not one each."""
    with unanswered() as nowhere:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            first_to_answer([(socket.AF_INET, nowhere)] * 50, progress(1).left_s)
        assert time.monotonic() - begin < 20


def test_cancelling_ends_it():
    """From another thread, soon."""
    limit = progress(30)
    with unanswered() as nowhere:
        threading.Timer(0.1, limit.cancel).start()
        begin = time.monotonic()
        with pytest.raises(ConnectionLost):
            first_to_answer([(socket.AF_INET, nowhere)], limit.left_s)
        assert time.monotonic() - begin < 10


def test_addresses_need_no_resolver(monkeypatch):
    """Neither those of version 4 nor those of version 6."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it was asked"))
    assert resolve("127.0.0.1", 1, progress(1)) == [(socket.AF_INET, ("127.0.0.1", 1))]
    assert resolve("::1", 1, progress(1)) == [(socket.AF_INET6, ("::1", 1))]


def test_a_slow_resolver_is_asked_once(monkeypatch):
    """Attempts that follow while it still thinks wait for the same answer."""
    asked, over = threading.Semaphore(0), threading.Event()

    def slowly(host, port, **_):
        asked.release()
        over.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            resolve("slow.example", 5672, progress(0.05))
    assert asked.acquire(timeout=30)
    assert not asked.acquire(blocking=False)
    over.set()
    assert resolve("slow.example", 5672, progress(20)) == [(socket.AF_INET, ("192.0.2.1", 5672))]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "no name"), TimeoutError("slow"), UnicodeError("x")])
def test_what_the_resolver_raises_is_raised(monkeypatch, error):
    """At once, whatever it is."""

    def failing(*_, **__):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", failing)
    with pytest.raises(type(error)):
        resolve("nowhere.example", 5672, progress(20))
