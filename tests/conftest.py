"""For the tests of all layers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.leaks import nothing_left_behind


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves threads or sockets behind: ``pytestmark = pytest.mark.usefixtures("no_leaks")``."""
    if "broker" in request.fixturenames:
        request.getfixturevalue("broker")  # the brokers of the session stay
    with nothing_left_behind():
        yield
