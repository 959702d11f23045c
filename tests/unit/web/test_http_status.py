"""Return codes as HTTP statuses."""

from __future__ import annotations

import pytest

from dripline.web.api.http_status import http_status
from dripline.wire.return_codes import get_return_codes_map


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
