"""Settings of the HTTP server that cannot be used."""

from __future__ import annotations

import pytest

from dripline.errors import ConfigurationError
from dripline.web.http_server import HTTPServer


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
