"""The mesh over HTTP, on both brokers, asked with the standard library."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import threading
import urllib.error
import urllib.request

import jsonschema
import pytest
from support.waiting import eventually

from dripline.core import Entity, Service
from dripline.errors import ConfigurationError
from dripline.implementations import HTTPServer, KeyValueStore

from .meshes import fresh_mesh, serving


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own, with a store on it."""
    with fresh_mesh(broker) as mesh:
        store = Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)
        store.add_child(KeyValueStore(name="peaches", initial_value=0.75, calibration="2*{}"))
        with serving(store):
            yield mesh


@pytest.fixture
def start(mesh):
    """Starts servers, and stops them at the end; gives their address."""
    running = []

    def start(**settings):
        server = HTTPServer(**{"http_port": 0, "timeout_s": 20, **mesh.login, **settings})
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(ready,))
        thread.start()
        running.append((server, thread))
        assert ready.wait(30)
        return f"http://127.0.0.1:{server.http_port}"

    yield start
    for server, thread in running:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def ask(url, method="GET", body=None, timeout=20, **headers):
    """Status and JSON of an answer."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url, body and json.dumps(body).encode(), named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_get_set_and_cmd(start):
    """As on the mesh: the reply's payload, its code and its message."""
    url = start() + "/dl/peaches"
    assert ask(url) == (
        200,
        {
            "return_code": 0,
            "return_name": "success",
            "return_message": "",
            "payload": {"value_raw": 0.75, "value_cal": 1.5},
        },
    )
    assert ask(url, "PUT", {"values": [3]})[0] == 200
    assert ask(url)[1]["payload"]["value_cal"] == 6
    status, answer = ask(url, "POST", specifier="ping")
    assert (status, answer["return_message"][:6]) == (200, "Hello,")
    assert ask(url, specifier="check_field")[1]["payload"] == {"values": ["value_cal"]}


def test_the_page_of_dripline_python_can_set(start, tmp_path):
    """It asks for its files below ``/web/``, and sends the value without a list."""
    (tmp_path / "scripts.js").write_text('"sent"')
    url = start(web_root=tmp_path)
    assert ask(f"{url}/web/scripts.js") == ask(f"{url}/scripts.js") == (200, "sent")
    for value in (5, 0):
        assert ask(f"{url}/dl/peaches", "PUT", {"values": value}, specifier="", lockout_key="")[0] == 200
        assert ask(f"{url}/dl/peaches")[1]["payload"]["value_raw"] == value


def test_the_page_of_dripline_python_can_call(start):
    """It sends a 0 with every command, also with those that take no arguments."""
    url = f"{start()}/dl/peaches"
    call = {"method": "POST", "body": {"values": 0}}
    assert ask(url, **call, specifier="ping", lockout_key="")[0] == 200
    key = ask(url, **call, specifier="lock", lockout_key="")[1]["payload"]["key"]
    assert ask(url, **call, specifier="set_condition", lockout_key=key)[0] == 200
    assert ask(url, **call, specifier="unlock", lockout_key=key)[0] == 200
    assert ask(url, "POST", {"values": [0]}, specifier="ping")[0] == 400


def test_head_is_get_without_the_body(start):
    """Status and headers are those of GET, for each address."""
    url = start()
    for path in ("/dl/peaches", "/dl/pears", "/dl", "/openapi.json"):
        answers = {}
        for method in ("GET", "HEAD"):
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
            with contextlib.closing(connection):
                connection.request(method, path)
                answer = connection.getresponse()
                answers[method] = answer.status, answer.headers["Content-Type"], len(answer.read()) > 0
        assert answers["HEAD"] == (*answers["GET"][:2], False)


def test_a_lock_needs_its_key(start):
    """403 without, 200 with."""
    url = start() + "/dl/peaches"
    key = ask(url, "POST", specifier="lock")[1]["payload"]["key"]
    status, answer = ask(url, "PUT", {"values": [1]})
    assert (status, answer["return_name"]) == (403, "service_error_access_denied")
    assert ask(url, "PUT", {"values": [1]}, lockout_key=key)[0] == 200


def test_errors_say_what_is_wrong(start):
    """The status for programs, the message for people."""
    url = start() + "/dl"
    assert ask(f"{url}/pears")[0] == 404
    assert "nobody on the mesh is bound for 'pears'" in ask(f"{url}/pears")[1]["return_message"]
    assert ask(f"{url}/peaches", "POST", specifier="explode")[0] == 405
    assert ask(f"{url}/peaches", "POST", specifier="throw_something")[0] == 502
    assert ask(f"{url}/peaches", specifier="_value")[0] == 404
    assert ask(f"{url}/peaches", "DELETE")[0] == 405
    assert ask(f"{url}/peaches", "PUT")[1]["return_message"].startswith("a PUT carries the value to set")


def test_the_mesh_is_listed_and_described(start, mesh):
    """For people, and as OpenAPI for programs."""
    url = start()

    def found():
        """Those that answered in time, with their endpoints."""
        services = ask(f"{url}/dl")[1]["services"]
        return [(one["name"], [entry["name"] for entry in one["endpoints"] or ()]) for one in services]

    def examples():
        """What the document proposes to ask."""
        return ask(f"{url}/openapi.json")[1]["paths"]["/dl/{routing_key}"]["parameters"][0]["schema"]["examples"]

    assert eventually(lambda: found() == [(mesh.name("store"), ["peaches"])])
    assert eventually(lambda: "peaches" in examples())


def test_without_broker_every_request_is_told_so(start):
    """The server itself goes on."""
    url = start(dripline_mesh={"broker": "127.0.0.1", "broker_port": 1, "max_connection_attempts": 1})
    status, answer = ask(f"{url}/dl/peaches")
    assert (status, answer["return_code"]) == (503, 101)
    assert ask(f"{url}/dl")[0] == 503


def test_a_token_keeps_others_out(start):
    """From asking and from listing."""
    url = start(http_token={"value": "right"})
    assert ask(f"{url}/dl")[0] == 401
    assert ask(f"{url}/dl/peaches", Authorization="Bearer wrong")[0] == 401
    assert ask(f"{url}/dl/peaches", Authorization="Bearer right")[0] == 200


def test_a_page_of_a_stranger_is_refused(start):
    """The browser sends where the page came from."""
    assert ask(start() + "/dl/peaches", "PUT", {"values": [1]}, Origin="http://evil.example")[0] == 403


def test_a_body_that_is_too_long_is_refused(start):
    """Before it is read."""
    assert ask(start(max_body_bytes=100) + "/dl/peaches", "PUT", {"values": ["x" * 200]})[0] == 413


def test_files_are_served_from_their_folder_only(start, tmp_path):
    """A path that leads out of it finds nothing."""
    root = tmp_path / "panel"
    root.mkdir()
    (root / "values.json").write_text('{"a": 1}')
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (root / "link.json").symlink_to(tmp_path / "secret.json")
    (root / "index.html").symlink_to(tmp_path / "secret.json")
    url = start(web_root=root)
    assert ask(f"{url}/values.json") == (200, {"a": 1})
    for path in ("../secret.json", "%2e%2e/secret.json", "..%2fsecret.json", "link.json", "/etc/passwd", ""):
        assert ask(f"{url}/{path}")[0] in (403, 404)
    (root / "index.html").unlink()
    (root / "index.html").write_text("{}")
    assert ask(f"{url}/") == (200, {})


def test_pages_that_may_ask_can_read_the_answer(start):
    """The browser asks first, without a token; others are told nothing."""
    url = start(http_origins=["https://panel.lab"], http_token="right") + "/dl/peaches"

    def headers(method, origin, **further):
        request = urllib.request.Request(url, None, {"Origin": origin, **further}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers

    status, found = headers("OPTIONS", "https://panel.lab")
    assert (status, found["Access-Control-Allow-Origin"]) == (204, "https://panel.lab")
    assert {"PUT", "POST"} <= set(found["Access-Control-Allow-Methods"].split(", "))
    assert {"specifier", "lockout-key"} <= set(found["Access-Control-Allow-Headers"].split(", "))
    status, found = headers("GET", "https://panel.lab", Authorization="Bearer right")
    assert (status, found["Access-Control-Allow-Origin"], found["Vary"]) == (
        200,
        "https://panel.lab",
        "Origin",
    )
    for method in ("OPTIONS", "GET"):
        status, found = headers(method, "https://evil.example", Authorization="Bearer right")
        assert (status, found["Access-Control-Allow-Origin"]) == (403, None)
    assert headers("GET", "https://panel.lab")[0] == 401


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
    """An endpoint that answers when it is told."""

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


def test_the_description_is_true(start):
    """It names what bodies there may be, and what 503 says."""
    document = ask(start() + "/openapi.json")[1]
    path = document["paths"]["/dl/{routing_key}"]
    assert path["put"]["requestBody"]["required"]
    schema = path["put"]["requestBody"]["content"]["application/json"]["schema"]
    for body, fits in (({"values": [1]}, True), (3, True), ([1], True), ({"value": 1}, False), ([], False)):
        assert jsonschema.Draft202012Validator(schema).is_valid(body) == fits
    assert {"408", "413", "503"} <= set(path["get"]["responses"])
    assert "Retry-After" in path["get"]["responses"]["503"]["headers"]
    error = document["paths"]["/dl"]["get"]["responses"]["503"]["content"]["application/json"]["schema"]
    assert "return_code" in error["required"]


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


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"web_root": "nowhere"}, "there is no folder 'nowhere'"),
        ({"http_username": "ada"}, "go together"),
        ({"http_token": {"file": "no-such-file"}}, "no-such-file"),
    ],
)
def test_settings_that_cannot_be_used_are_told(settings, text, monkeypatch):
    """In one line, before anything listens."""
    monkeypatch.delenv("DRIPLINE_HTTP_PASSWORD", raising=False)
    with pytest.raises(ConfigurationError, match=text):
        HTTPServer(**settings)


def test_a_port_that_is_taken_is_told(start):
    """With the remedy; stopping it then does nothing."""
    port = int(start().rpartition(":")[2])
    server = HTTPServer(http_port=port)
    with pytest.raises(ConfigurationError, match=f"cannot listen at 127.0.0.1:{port}.*choose another port"):
        server.run()
    server.stop()
