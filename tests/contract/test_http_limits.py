"""What an HTTP server bears: long bodies, garbage, slow clients, and more requests than it takes at once."""

from __future__ import annotations

import json
import logging
import socket
import threading
import urllib.error
import urllib.request

import pytest
from support.waiting import eventually

from dripline.core import Entity, Service

from .http_servers import ask, http_mesh, http_start  # noqa: F401  # the fixtures `mesh` and `start`
from .meshes import serving


def test_a_body_that_is_too_long_is_refused(start):
    """Before it is read."""
    assert ask(start(max_body_bytes=100) + "/dl/peaches", "PUT", {"values": ["x" * 200]})[0] == 413


def test_a_body_that_cannot_be_unpacked_is_refused(start):
    """It is the asker's fault; the log has no traceback of it."""
    request = urllib.request.Request(start() + "/dl/peaches", b"hello", {"Content-Encoding": "gzip"}, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.code == 400
        assert json.load(answer)["return_message"].startswith("the body cannot be read")


def test_garbage_is_a_line_of_the_log(start, caplog):
    """And not a traceback."""
    host, port = start().removeprefix("http://").split(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /dl HTTP/1.1\r\nHost: localhost\r\nx: \x00\r\n\r\n")
            assert b"400 Bad Request" in connection.recv(1000)
    told = [record for record in caplog.records if record.name.startswith(("aiohttp", "dripline.web"))]
    warnings = [record for record in told if record.levelno >= logging.WARNING]
    assert "Invalid header value" in warnings[0].getMessage()
    assert not any(record.exc_info or "\n" in record.getMessage() for record in warnings)


class Waiting(Entity):
    """An endpoint that replies when the test allows it."""

    def __init__(self, **kwargs):
        self.answer = threading.Event()
        self.asked = threading.Semaphore(0)
        Entity.__init__(self, **kwargs)

    def on_get(self):
        """Say that it is asked, and wait."""
        self.asked.release()
        self.answer.wait(30)
        return 1


@pytest.fixture
def waiting(mesh):
    """Such an endpoint, with a service of its own."""
    service = Service(mesh.name("waiting"), heartbeat_interval_s=0, **mesh.login)
    endpoint = Waiting(name="waits")
    service.add_child(endpoint)
    with serving(service):
        yield endpoint
        endpoint.answer.set()


def test_more_than_may_wait_are_told_to_come_again(start, waiting):
    """With 503, and when; those that wait are answered."""
    url = start(max_requests=3, max_requests_per_client=2, timeout_s=30)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(ask(f"{url}/dl/waits", timeout=30)[0])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert waiting.asked.acquire(timeout=20)

    assert eventually(lambda: ask(f"{url}/dl/peaches")[0] == 503, 20)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/dl/peaches", timeout=20)
    with caught.value as answer:
        assert answer.headers["Retry-After"] == "1"
        assert "2 requests of yours wait already" in json.load(answer)["return_message"]
    waiting.answer.set()
    for thread in threads:
        thread.join(20)
    assert results == [200, 200]
    assert eventually(lambda: ask(f"{url}/dl/peaches")[0] == 200, 20)


def test_who_has_gone_keeps_no_place(start, waiting):
    """Its place is free long before the answer comes, and nobody waits for that."""
    url = start(max_requests=2, max_requests_per_client=2, timeout_s=1000)
    host, port = url.removeprefix("http://").split(":")
    for _ in range(5):
        gone = [socket.create_connection((host, int(port)), timeout=10) for _ in range(2)]
        for connection in gone:
            connection.sendall(b"GET /dl/waits HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert eventually(lambda: ask(f"{url}/dl/peaches")[0] == 503, 20)
        for connection in gone:
            connection.close()
        assert eventually(lambda: ask(f"{url}/dl/peaches")[0] == 200, 20)


def _is_closed(connection):
    """Say a letter more, and whether the other end has had enough."""
    try:
        connection.sendall(b"y")
        return connection.recv(10) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_slow_headers_are_not_waited_for(start, monkeypatch):
    """Nor is a connection that says nothing; one that is being answered is left alone."""
    monkeypatch.setattr("dripline.web.api.connections.Connections.__init__.__defaults__", (512, 256, 1.0))
    url = start()
    host, port = url.removeprefix("http://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=20) as silent,
        socket.create_connection((host, int(port)), timeout=0.05) as slow,
    ):
        slow.sendall(b"GET /dl/peaches HTTP/1.1\r\nx: ")
        assert eventually(lambda: _is_closed(slow), 20)
        assert _is_closed(silent)
    assert ask(f"{url}/dl/peaches")[0] == 200


def test_too_many_connections_are_told_so(start, monkeypatch):
    """And closed; those that are there go on."""
    monkeypatch.setattr("dripline.web.api.connections.Connections.__init__.__defaults__", (3, 2, 30.0))
    url = start()
    host, port = url.removeprefix("http://").split(":")
    there = [socket.create_connection((host, int(port)), timeout=20) for _ in range(2)]
    try:
        with socket.create_connection((host, int(port)), timeout=20) as further:
            told = b""
            while chunk := further.recv(1000):
                told += chunk
        head, _, body = told.partition(b"\r\n\r\n")
        assert b" 503 " in head
        assert b"Retry-After: 1" in head
        assert "too many connections" in json.loads(body)["return_message"]
        there[0].sendall(b"GET /dl/peaches HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert there[0].recv(1000).startswith(b"HTTP/1.1 200 OK")
    finally:
        for connection in there:
            connection.close()
    assert eventually(lambda: ask(f"{url}/dl/peaches")[0] == 200, 20)


def test_many_may_ask_at_once(start):
    """Each gets the answer to its own question."""
    url = start()
    results = []

    def put_and_get(number):
        results.append(ask(f"{url}/dl/peaches", specifier="name")[1]["payload"] == {"values": ["peaches"]})

    threads = [threading.Thread(target=put_and_get, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 30
