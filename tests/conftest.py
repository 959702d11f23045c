"""For the tests of all layers."""

from __future__ import annotations

import hypothesis
import pytest

pytest_plugins = ["pytester"]  # pytest's own kit for tests of plugins

# A machine that is busy is no reason to fail; all else as it is by default, which differs in CI.
hypothesis.settings.register_profile(
    "patient",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> None:
    """Fail a test that leaves threads or sockets behind: ``pytestmark = pytest.mark.usefixtures("no_leaks")``."""
    if "broker" in request.fixturenames:
        request.getfixturevalue("broker")  # the brokers of the session stay
    request.getfixturevalue("dripline_no_leaks")
