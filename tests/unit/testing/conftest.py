"""Sample tests, run by a pytest inside this one."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import pika  # noqa: F401  # imported, see below
import pytest

import dripline.core
import dripline.testing

# The pytest inside forgets at its end what it was the first to import, and classes must not exist twice: so all
# is imported here, whatever tests ran before in this process.
for _package in (
    *("amqp", "broker", "checking", "config", "core", "discovery", "formula", "implementations", "runtime"),
    *("simulation", "testing", "transport", "wire"),
):
    for _module in pkgutil.walk_packages(
        importlib.import_module(f"dripline.{_package}").__path__, f"dripline.{_package}."
    ):
        importlib.import_module(_module.name)
for _lazy in (dripline.core, dripline.testing):
    for _name in dir(_lazy):
        getattr(_lazy, _name)

# Hypothesis would be imported again for each summary, which takes a second.
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

FURNACE = '''
import pytest

from dripline.core import Entity, Service, ThrowReply, calibrate
from dripline.testing import talk_to


class Furnace(Entity):
    """Heated in steps."""

    def __init__(self, limit=1200, **kwargs):
        self.limit = limit
        self.per_kelvin = 1 / limit
        self._temperature = 293
        Entity.__init__(self, **kwargs)

    @calibrate()
    def on_get(self):
        return self._temperature

    def on_set(self, value):
        if value > self.limit:
            raise ThrowReply("service_error_invalid_value", f"above {self.limit} K")
        self._temperature = value
'''


class Sample:
    """Runs tests that stand in a text, below the class `Furnace`."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, text: str, *options: str) -> pytest.RunResult:
        """Write them and run them."""
        self._pytester.makepyfile(FURNACE + text)
        return self.again(*options)

    def again(self, *options: str) -> pytest.RunResult:
        """Run them once more."""
        before = set(sys.modules)
        kept = _Imported()
        result = self._pytester.runpytest_inprocess(*QUICK, *options, plugins=[kept])
        ours = {name for name in kept.names - before if name.partition(".")[0] in ("dripline", "scarab", "pika")}
        assert not ours, f"to be imported above: {ours}"
        return result


@pytest.fixture
def sample(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """Runs sample tests: ``sample(text, *options)``."""
    monkeypatch.delenv("DRIPLINE_TEST_BROKER", raising=False)
    return Sample(pytester)


class _Imported:
    """Looks which modules there are at the end of a run."""

    names: frozenset[str] = frozenset()

    def pytest_sessionfinish(self) -> None:
        """Look."""
        self.names = frozenset(sys.modules)
