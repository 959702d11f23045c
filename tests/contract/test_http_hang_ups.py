"""Clients of the HTTP server that hang up, at every stage, with a reset or in good order."""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dripline.core import Endpoint, Service
from dripline.implementations import HTTPServer, KeyValueStore

from .meshes import fresh_mesh, serving

FULL = os.environ.get("DRIPLINE_TEST_FULL", "") not in ("", "0")
TIMES = 2000 if FULL else 200
LONG = 3_000_000


class Slow(Endpoint):
    """Takes a moment, and answers at length."""

    def on_get(self) -> str:
        """Return a long text."""
        time.sleep(0.02)
        return "x" * LONG


@pytest.fixture
def server(broker, tmp_path: Path) -> Iterator[HTTPServer]:
    """A server with a mesh and a folder behind."""
    (tmp_path / "index.html").write_text("<p>pages")
    (tmp_path / "long.bin").write_bytes(b"x" * LONG)
    with fresh_mesh(broker, max_payload_size=10**7) as mesh:
        store = Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)
        store.add_child(KeyValueStore(name="peaches", initial_value=1))
        store.add_async_child(Slow(mesh.name("slow")))
        with serving(store):
            server = HTTPServer(
                http_port=0, web_root=tmp_path, timeout_s=20, max_body_bytes=10 * LONG, max_requests=500,
                max_requests_per_client=500, **mesh.login,
            )  # fmt: skip
            server.slow = mesh.name("slow")
            ready = threading.Event()
            thread = threading.Thread(target=server.run, args=(ready,))
            thread.start()
            assert ready.wait(30)
            yield server
            server.stop()
            thread.join(30)
            assert not thread.is_alive()


def ask(server: HTTPServer, path: str, method: str = "GET", body: bytes = b"", missing: int = 0) -> bytes:
    """A request; with fewer bytes of its body than it announces."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.http_port}\r\n"
    return f"{head}Content-Length: {len(body) + missing}\r\n\r\n".encode() + body


#: What is sent before the client hangs up, and how much of the answer it reads.
Stage = Callable[[HTTPServer], tuple[bytes, int]]
STAGES: list[Stage] = [
    lambda _: (b"", 0),
    lambda _: (b"GET /dl/pea", 0),
    lambda server: (ask(server, "/dl/peaches")[:-2], 0),
    lambda server: (ask(server, "/dl/peaches"), 0),
    lambda server: (ask(server, "/dl/peaches"), 10),
    lambda server: (ask(server, "/dl/peaches", "PUT", b'{"values": [', 100), 0),
    lambda server: (ask(server, "/dl/peaches", "PUT", b"x" * 100_000, 100), 0),
    lambda server: (ask(server, "/dl/peaches", "PUT", b'{"values": [1]}') * 20, 0),
    lambda server: (ask(server, f"/dl/{server.slow}"), 0),
    lambda server: (ask(server, f"/dl/{server.slow}"), 100),
    lambda server: (ask(server, f"/dl/{server.slow}") * 3, 100),
    lambda server: (ask(server, "/long.bin"), 0),
    lambda server: (ask(server, "/long.bin"), 100),
    lambda server: (ask(server, "/long.bin") * 5, 100_000),
    lambda server: (ask(server, "/index.html") * 20, 10),
    lambda server: (ask(server, "/dl"), 0),
    lambda server: (ask(server, "/nothing", "POST", b"x", 10), 0),
    lambda server: (
        b"POST /dl/peaches HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        0,
    ),
]


def hang_up(server: HTTPServer, stage: Stage, chance: random.Random) -> None:
    """Ask, read some of the answer, wait a moment or none, and go."""
    data, count = stage(server)
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=20) as client:
        client.sendall(data)
        while count > 0:
            got = client.recv(min(count, 65536))
            if not got:
                break
            count -= len(got)
        time.sleep(chance.choice([0, 0, 0.001, 0.01, 0.03]))
        if chance.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.timeout(300)
def test_clients_that_hang_up_leave_no_line_in_the_log(server, caplog) -> None:
    """No traceback, nothing at warning or above but at most a line a minute; and the server goes on."""
    caplog.set_level(logging.WARNING)
    chance = random.Random(1)
    for number in range(TIMES):
        hang_up(server, STAGES[number % len(STAGES)], chance)
    url = f"http://127.0.0.1:{server.http_port}"
    with urllib.request.urlopen(f"{url}/dl/peaches", timeout=30) as answer:
        assert json.load(answer)["return_code"] == 0
    time.sleep(0.5)
    assert [record for record in caplog.records if record.exc_info] == []
    assert len(caplog.records) <= 1


def test_a_connection_serves_many_files(server, caplog) -> None:
    """One after the other, each once, and nothing is logged."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
    sockets = set()
    for _ in range(5):
        for path, length in (("/long.bin", LONG), ("/index.html", 8), ("/", 8)):
            connection.request("GET", path)
            with connection.getresponse() as answer:
                assert (answer.status, len(answer.read())) == (200, length)
            sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1
    assert caplog.records == []


def test_an_error_of_our_own_is_still_logged(server, caplog, monkeypatch) -> None:
    """With its traceback, also one that looks like a client who hung up."""

    def fail(*_arguments: object) -> None:
        raise ConnectionResetError("inside")

    monkeypatch.setattr("dripline.web.api.routes.mesh_request", fail)
    url = f"http://127.0.0.1:{server.http_port}/dl/peaches"
    with pytest.raises(urllib.error.HTTPError, match="500"):
        urllib.request.urlopen(url, timeout=30)
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


ODD_PATHS = [
    "/.env", "/%2eenv", "/%2Eenv", "/%252eenv", "/./.env", "//.env", "/x/../.env", "/%2e/.env",
    "/.git/config", "/%2egit/config", "/%2egit%2fconfig", "/x%5c..%5c.env", "/\\.env", "/.env%00",
    "/.env%00.html", "/index.html%00", "/index.html~", "/%69ndex.html%7e", "/folder", "/folder/", "/..",
    "/../", "/%2e%2e/", "/..%2f..%2fetc/passwd", "/%2e%2e%2f%2e%2e%2fetc/passwd", "//etc/passwd",
    "/%2fetc/passwd", "/%c0%ae%c0%ae/etc/passwd", "/.env?x", "/.env#x", "/.env;x", "/folder/.hidden",
    "/folder/%2ehidden", "/link/passwd", "/" + "x" * 3000, "/index.html/",
]  # fmt: skip


def test_hidden_files_are_not_found(server) -> None:
    """However their path is written in a request: 404, and in no case what they contain."""
    root = Path(server.web_root)
    for name in (".env", ".git/config", "index.html~", "folder/.hidden"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("a secret")
    (root / "link").symlink_to("/etc")
    for path in ODD_PATHS:
        _finds_nothing(server, path)


def _finds_nothing(server: HTTPServer, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=20) as client:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.http_port}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        answer = b""
        while got := client.recv(65536):
            answer += got
    assert answer.split()[1] in (b"404", b"400"), (path, answer)  # 400 for what is not a path
    assert b"secret" not in answer
    assert b"root:" not in answer
