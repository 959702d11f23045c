"""Attacks on the broker, over HTTP, by configuration and into the database, each refused."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pika.exceptions
import pytest
import sqlalchemy as sa
from contract.meshes import fresh_mesh
from support.databases import database_url, postgres_server, postgres_url, sqlite_url

from dripline.broker import EmbeddedBroker
from dripline.config.file import load_file
from dripline.core import MsgRequest, Service, op_t
from dripline.errors import ConfigurationError
from dripline.implementations import HTTPServer, SQLTable
from dripline.implementations.storage.database import make_engine, read_url

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


# -- on the embedded broker ----------------------------------------------------------------------------------


def test_oversized_frames_are_refused():
    """The connection ends; the memory that a frame announces is not taken."""
    with EmbeddedBroker(port=0) as broker:
        for frame in (
            struct.pack(">BHI", 1, 0, 2**32 - 1) + b"x",
            struct.pack(">BHI", 3, 1, 2**31) + b"x" * 1000,
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection((broker.host, broker.port), timeout=20) as attacker:
                if not frame.startswith(b"GET"):
                    attacker.sendall(b"AMQP\x00\x00\x09\x01")
                attacker.sendall(frame)
                while attacker.recv(65536):
                    pass
        with pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port)) as good:
            assert good.is_open


def test_slow_handshakes_keep_nobody_out():
    """Connections that say nothing do not use up the broker; they are closed after a while."""
    with EmbeddedBroker(port=0) as broker:
        attackers = [socket.create_connection((broker.host, broker.port), timeout=20) for _ in range(300)]
        try:
            for attacker in attackers[::2]:
                attacker.sendall(b"AMQP")
            with pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port)) as good:
                assert good.channel().queue_declare("", exclusive=True).method.queue
        finally:
            for attacker in attackers:
                attacker.close()


# -- over HTTP -----------------------------------------------------------------------------------------------


@pytest.fixture
def over_http(embedded, tmp_path) -> Iterator[Callable[..., tuple[int, bytes]]]:
    """Asks an HTTP server that has a folder of pages and wants a token; gives status and body."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("hello")
    (tmp_path / "secret.txt").write_text("top secret")
    (pages / "link.txt").symlink_to(tmp_path / "secret.txt")
    with fresh_mesh(embedded) as mesh:
        server = HTTPServer(
            http_port=0, web_root=pages, http_token="sesame", max_body_bytes=1000, timeout_s=20, **mesh.login
        )
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(ready,))
        thread.start()
        assert ready.wait(60)

        def ask(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
            given = {"Authorization": "Bearer sesame", "Host": "localhost", **headers}
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for key, value in given.items():
                connection.putheader(key, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            found = answer.status, answer.read()
            connection.close()
            return found

        yield ask
        assert ask("/index.html") == (200, b"hello")
        server.stop()
        thread.join(60)


HTTP_ATTACKS = [
    ("leaves the folder of pages", {"path": "/../secret.txt"}, {403, 404}),
    ("leaves it in other letters", {"path": "/%2e%2e/secret.txt"}, {403, 404}),
    ("leaves it with a coded slash", {"path": "/..%2fsecret.txt"}, {403, 404}),
    ("leaves it with a backslash", {"path": "/..\\secret.txt"}, {400, 403, 404}),
    ("follows a link out of it", {"path": "/link.txt"}, {403, 404}),
    ("asks for an absolute path", {"path": "//etc/passwd"}, {403, 404}),
    ("a zero in the path", {"path": "/index.html%00.txt"}, {400, 403, 404}),
    ("an endpoint that is a path", {"path": "/dl/../index.html%2f.."}, {400, 403, 404}),
    ("an endpoint of dots", {"path": "/dl/%2e%2e/%2e%2e"}, {400, 403, 404, 502, 503}),
    ("an endpoint of absurd length", {"path": "/dl/" + "x" * 3000}, {400, 403, 404, 500, 502}),
    ("a body that is too long", {"path": "/dl/x", "method": "PUT", "body": b"1" * 5000}, {413}),
    ("deep JSON", {"path": "/dl/x", "method": "PUT", "body": b"[" * 900}, {400}),
    ("a number that is none", {"path": "/dl/x", "method": "PUT", "body": b"1e999999"}, {400}),
    ("a page of a stranger", {"path": "/dl", "Origin": "http://evil.example"}, {403}),
    ("a name that leads here", {"path": "/dl", "Host": "evil.example"}, {403}),
    ("no token", {"path": "/dl", "Authorization": ""}, {401}),
    ("a wrong token", {"path": "/dl", "Authorization": "Bearer sesam"}, {401}),
    ("a token of strange letters", {"path": "/dl", "Authorization": "Bearer s\xe9same"}, {400, 401}),
    ("another method", {"path": "/dl/x", "method": "DELETE"}, {404, 405}),
]


@pytest.mark.parametrize(
    ("title", "request_", "statuses"), HTTP_ATTACKS, ids=[attack[0] for attack in HTTP_ATTACKS]
)
def test_attacks_over_http_are_refused(title, request_, statuses, over_http):
    """With a status that says so, and nothing of the machine in the answer."""
    status, body = over_http(**request_)
    assert status in statuses, (title, body)
    assert b"secret" not in body
    assert b"root:" not in body
    assert b"Traceback" not in body


# -- by configuration, and into the database -----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['touch FLAG']",
        "name: !!python/name:os.system",
        "!!python/object/new:os.system ['touch FLAG']",
        "name: !include /etc/passwd",
        "a: &a [*b]\nb: &b [1]",
    ],
)
def test_tags_in_a_configuration_run_nothing(text, tmp_path):
    """A line names the tag; Python's own constructors are not there."""
    path, flag = tmp_path / "service.yaml", tmp_path / "flag"
    path.write_text(text.replace("FLAG", str(flag)))
    with pytest.raises(ConfigurationError) as caught:
        load_file(path)
    assert all(line.startswith(f"{path}:") for line in str(caught.value).splitlines())
    assert not flag.exists()


INJECTIONS = [
    "number; DROP TABLE runs",
    "1=1 OR number",
    'number" OR "1"="1',
    "*",
    "number--",
    "(SELECT 1)",
    "__class__",
]


def test_sql_in_names_and_values_stays_text(database_url):
    """Names are looked up, values are bound: neither is ever a part of a statement."""

    class Database(Service):
        def __init__(self) -> None:
            Service.__init__(self, name="database", make_connection=False)
            self.engine = make_engine(read_url(database_url))

    service = Database()
    with service.engine.begin() as connection:
        sa.Table("runs", sa.MetaData(), sa.Column("number", sa.Integer), sa.Column("note", sa.String(99))).create(
            connection
        )
    table = SQLTable(
        name="runs", table_name="runs", required_insert_names=["number"], optional_insert_names=["note"]
    )
    service.add_child(table)

    def ask(method: str, specifier: str = "", **payload: Any) -> Any:
        operation = {"cmd": op_t.cmd, "set": op_t.set}[method]
        reply = table.on_request_message(MsgRequest.create(payload, operation, "runs", specifier))
        return reply.return_code, reply.payload.to_python()  # as it goes over the mesh

    evil = "x'); DROP TABLE runs; --"
    assert ask("cmd", "do_insert", number=1, note=evil)[0] == 0
    assert ask("cmd", "do_select", where_eq_dict={"note": evil}) == (0, [["number", "note"], [[1, evil]]])
    for name in INJECTIONS:
        for payload in (
            {"return_cols": [name]},
            {"where_eq_dict": {name: 1}},
            {"where_lt_dict": {name: 1}},
            {"where_gt_dict": {name: 1}},
        ):
            assert ask("cmd", "do_select", **payload)[0] == 304, (name, payload)
        assert ask("cmd", "do_insert", **{"number": 2, name: 1})[0] in (0, 304)
    for name, value in (("table_name", "pg_shadow"), ("table", None), ("schema", "pg_catalog")):
        assert ask("set", name, values=[value])[0] == 310, name
    code, found = ask("cmd", "do_select", where_eq_dict={"number": "1 OR 1=1"})
    assert code == 304 or found == [["number", "note"], []]
    assert ask("cmd", "do_select", where_eq_dict={"number": 1}) == (0, [["number", "note"], [[1, evil]]])
    service.engine.dispose()
