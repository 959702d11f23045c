"""Who may ask over HTTP."""

from __future__ import annotations

import base64

import pytest

from dripline.web.api.auth import Auth

HERE = {"Host": "localhost:8080"}


def basic(text):
    """The header of a browser that was given a name and a secret."""
    return {**HERE, "Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_a_program_on_this_machine_may_ask():
    """Without any configuration."""
    guard = Auth("127.0.0.1")
    assert guard.refusal(HERE) is None
    assert guard.refusal({"Host": "[::1]:8080"}) is None
    assert not guard.is_open_to_all


def test_a_name_that_was_made_to_lead_here_is_refused():
    """A page in the user's browser could otherwise reach the mesh by a name of its own (DNS rebinding)."""
    assert Auth("127.0.0.1").refusal({"Host": "evil.example:8080"})[0] == 403
    assert Auth("127.0.0.1").refusal({})[0] == 403


def test_pages_of_others_may_not_ask():
    """Those served here may, and those named in the configuration."""
    guard = Auth("127.0.0.1", origins=frozenset({"https://panel.lab"}))
    assert guard.refusal({**HERE, "Origin": "http://evil.example"})[0] == 403
    assert guard.refusal({**HERE, "Origin": "null"})[0] == 403
    assert guard.refusal({**HERE, "Origin": "http://localhost:8080"}) is None
    assert guard.refusal({**HERE, "Origin": "https://panel.lab"}) is None


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer right", "Basic cmlnaHQ=", "bearer  wrong", "Digest x"]
)
def test_a_wrong_token_is_refused(authorization):
    """And no token too."""
    assert Auth("0.0.0.0", token="right one").refusal({"Host": "lab", "Authorization": authorization})[0] == 401


def test_the_right_token_or_login_may_ask():
    """Programs send a token, browsers a name and its secret."""
    guard = Auth("127.0.0.1", token="right", username="ada", password="lace:1")
    assert guard.refusal({**HERE, "Authorization": "Bearer right"}) is None
    assert guard.refusal(basic("ada:lace:1")) is None
    assert guard.refusal(basic("ada:wrong"))[0] == 401
    assert guard.refusal({**HERE, "Authorization": "Basic !"})[0] == 401


def test_a_server_without_token_on_the_network_is_known_as_open():
    """So that it can be told."""
    assert Auth("0.0.0.0").is_open_to_all
    assert not Auth("0.0.0.0", token="t").is_open_to_all


def test_secrets_are_not_printed():
    """Not even by accident."""
    assert "hush" not in repr(Auth("h", token="hush", username="u", password="hush"))


def test_a_token_that_is_no_text_is_wrong():
    """Bytes that are no UTF-8 come as lone surrogates; they are compared, not stumbled over."""
    guard = Auth("127.0.0.1", token="sesame", username="ada", password="x")
    assert guard.refusal({**HERE, "Authorization": "Bearer s\udce9same"})[0] == 401
    assert guard.refusal({**HERE, "Authorization": "Basic s\udce9same"})[0] == 401


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_an_address_that_is_none_is_refused(header):
    """It is no reason to fail."""
    assert Auth("127.0.0.1").refusal({**HERE, header: "http://["})[0] == 403


def test_without_host_no_page_is_from_here():
    """An origin without a host is none of ours."""
    assert Auth("0.0.0.0").refusal({"Origin": "null"})[0] == 403


def test_a_proxy_may_have_a_name_of_its_own():
    """When its origin is named; it passes the name on that the browser asked for."""
    guard = Auth("127.0.0.1", origins=frozenset({"https://panel.lab"}))
    assert guard.refusal({"Host": "panel.lab"}) is None
    assert guard.refusal({"Host": "panel.lab.evil"})[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_has_several_addresses(host):
    """None of them is open to the network."""
    assert not Auth(host).is_open_to_all
