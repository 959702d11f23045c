"""Settings of the HTTP server that cannot be used, and return codes as HTTP statuses."""

from __future__ import annotations

import pytest

from dripline.errors import ConfigurationError
from dripline.web.http_server import HTTPServer
from dripline.web.settings import http_status
from dripline.wire.return_codes import get_return_codes_map


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"http_port": "abc"}, "http_port: 'abc' is no whole number from 0 to 65535"),
        ({"http_port": 99999}, "http_port: 99999 is no"),
        ({"http_port": True}, "http_port: True is no"),
        ({"max_body_bytes": 0}, "max_body_bytes: 0 is no"),
        ({"max_requests": 0}, "max_requests: 0 is no"),
        ({"max_requests_per_client": "many"}, "max_requests_per_client: 'many' is no"),
        ({"timeout_s": "soon"}, "timeout_s: 'soon' is no number of seconds above 0"),
        ({"timeout_s": -1}, "timeout_s: -1 is no"),
        ({"http_host": 300}, "http_host: 300 is no text"),
        ({"http_origins": "panel"}, "http_origins: 'panel' is no origin"),
        ({"http_origins": [3]}, "http_origins: 3 is no origin"),
        ({"http_origins": 3}, "http_origins: 3 is no list of origins"),
        ({"http_token": ""}, "http_token: it is empty"),
    ],
)
def test_a_wrong_setting_is_told_with_its_key(settings, text):
    """Before anything listens."""
    with pytest.raises(ConfigurationError, match=text):
        HTTPServer(**settings)


def test_one_origin_needs_no_list():
    """A text is one origin, and not its letters."""
    assert HTTPServer(http_origins="https://panel.lab")._http_auth.origins == {"https://panel.lab"}


def test_a_stop_before_the_beginning_counts(monkeypatch):
    """A signal may come while the server is being made."""
    server = HTTPServer(http_port=0)
    server.stop()
    server.run()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, 200),
        (1, 200),
        (102, 404),
        (201, 502),
        (202, 504),
        (304, 400),
        (306, 405),
        (307, 403),
        (402, 502),
        (404, 504),
        (999, 500),
    ],
)
def test_a_code_has_the_status_a_web_client_expects(code, status):
    """Not found is 404, a device that is away is a bad gateway."""
    assert http_status(code) == status


def test_every_error_is_an_error_and_nothing_else_is():
    """Also those that a laboratory adds."""
    for code in {*get_return_codes_map(), 1000, 4711}:
        assert (http_status(code) >= 400) == (code >= 100)
