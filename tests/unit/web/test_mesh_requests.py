"""From HTTP to the mesh."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import op_t
from dripline.web.api.mesh_requests import BadRequest, mesh_request

KEY = "0d9f1c1e-6a40-4f7b-9d2e-5c8f3b7a1e60"


def test_a_get_becomes_a_get():
    """Slashes in the address are dots of the routing key."""
    request = mesh_request("GET", "hall/peaches", {"specifier": "log_interval"}, {}, b"")
    assert (request.message_operation, request.routing_key) == (op_t.get, "hall.peaches")
    assert (request.specifier.to_string(), request.plain_payload) == ("log_interval", None)


def test_an_address_is_decoded_once():
    """What aiohttp hands over is decoded already."""
    assert mesh_request("GET", "50%41", {}, {}, b"").routing_key == "50%41"


def test_a_put_sets_and_a_post_calls():
    """With the payload of the mesh, and the lockout key."""
    request = mesh_request("PUT", "peaches", {"lockout-key": KEY}, {}, b'{"values": [3.2]}')
    assert (request.message_operation, request.plain_payload) == (op_t.set, {"values": [3.2]})
    assert str(request.lockout_key) == KEY
    request = mesh_request("POST", "peaches", {"specifier": "heat"}, {}, b'{"values": [1], "times": 2}')
    assert (request.message_operation, request.plain_payload) == (op_t.cmd, {"values": [1], "times": 2})


@pytest.mark.parametrize(
    ("body", "values"), [(b"3.2", [3.2]), (b'"on"', ["on"]), (b"[1, 2]", [1, 2]), (b"null", [None])]
)
def test_a_value_alone_will_do(body, values):
    """What a person types with curl."""
    assert mesh_request("PUT", "peaches", {}, {}, body).plain_payload == {"values": values}


@pytest.mark.parametrize("value", [5, 0, 0.5, "on", "", False, None, {"a": 1}])
@pytest.mark.parametrize(("method", "specifier"), [("PUT", ""), ("POST", "heat")])
def test_the_page_of_dripline_python_sends_a_value_without_a_list(method, specifier, value):
    """Its headers are empty where nothing was typed."""
    headers = {"specifier": specifier, "lockout-key": ""}
    request = mesh_request(method, "peaches", headers, {}, json.dumps({"values": value}).encode())
    assert request.plain_payload == {"values": [value]}


@pytest.mark.parametrize("placeholder", [0, "", None])
@pytest.mark.parametrize("command", ["ping", "lock", "unlock"])
def test_the_page_of_dripline_python_sends_a_placeholder_with_each_command(command, placeholder):
    """Commands without arguments get none; arguments that somebody entered stay, and are refused later."""
    body = json.dumps({"values": placeholder, "force": True}).encode()
    request = mesh_request("POST", "peaches", {"specifier": command}, {}, body)
    assert request.plain_payload == {"values": [], "force": True}
    for entered in ({"values": [0]}, {"values": "my-key"}):
        body = json.dumps(entered).encode()
        assert mesh_request("POST", "peaches", {"specifier": command}, {}, body).plain_payload["values"]


def test_a_specifier_may_stand_in_the_address():
    """For who has only a browser."""
    assert mesh_request("GET", "p", {}, {"specifier": "is-locked"}, b"").specifier.to_string() == "is-locked"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "text"),
    [
        ("GET", "", {}, b"", "has no endpoint"),
        ("PUT", "p", {}, b"", "carries the value to set"),
        ("PUT", "p", {}, b'{"value": 3}', "carries the value to set"),
        ("PUT", "p", {}, b"{3}", "is not valid JSON"),
        ("PUT", "p", {}, b"NaN", "NaN is not valid JSON"),
        ("PUT", "p", {}, b"[" * 100000, "is not valid JSON"),
        ("POST", "p", {}, b"", "names the method"),
        ("GET", "p", {"lockout-key": "abc"}, b"", "'abc' is not a UUID"),
        ("GET", "p" * 256, {}, b"", "longer than the 255 bytes"),
        ("GET", "\u00e9" * 128, {}, b"", "longer than the 255 bytes"),
    ],
)
def test_what_is_no_request_is_told(method, path, headers, body, text):
    """In one line, and nothing is sent."""
    with pytest.raises(BadRequest, match=text):
        mesh_request(method, path, headers, {}, body)


@given(
    st.sampled_from(["GET", "PUT", "POST"]),
    st.text(),
    st.dictionaries(st.sampled_from(["specifier"]), st.text()),
    st.binary(),
)
def test_whatever_comes_is_a_request_or_refused(method, path, headers, body):
    """Nothing else is raised."""
    try:
        request = mesh_request(method, path, headers, {}, body)
    except BadRequest:
        return
    json.dumps(request.plain_payload)
