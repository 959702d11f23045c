"""For the tests of all layers."""

from __future__ import annotations

import os
import signal
import tempfile

import hypothesis
import pytest

pytest_plugins = ["pytester"]  # pytest's own kit for tests of plugins

# Started with nohup, behind `&`, by cron or in a container: programs under test get the usual surroundings.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)  # this process goes on ignoring it; those that it starts do not
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.umask(0o022)
for name in ("COLUMNS", "LINES", "LANGUAGE", "NO_COLOR", "XDG_STATE_HOME"):
    os.environ.pop(name, None)
os.environ["LC_ALL"] = "C.UTF-8"
if not os.access(os.environ.get("HOME", ""), os.W_OK | os.X_OK):
    _home = tempfile.TemporaryDirectory(prefix="dripline-tests-home-")
    os.environ["HOME"] = _home.name

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
