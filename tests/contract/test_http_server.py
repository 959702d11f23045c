"""The mesh over HTTP, on both brokers, asked with the standard library."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request

import jsonschema
import pytest
from support.waiting import eventually

from dripline.errors import ConfigurationError
from dripline.implementations import HTTPServer

from .http_servers import ask, http_mesh, http_start  # noqa: F401  # the fixtures `mesh` and `start`


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
