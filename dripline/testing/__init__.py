"""Test kit for extensions: a pytest plugin, and `talk_to`.

With dripline installed, pytest has the fixtures of `dripline.testing.plugin`; ``pytest --fixtures -v`` tells them.
A test of an endpoint needs none of them, nor any broker::

    from dripline.testing import talk_to

    def test_a_furnace_is_set():
        furnace = talk_to(Furnace(name="furnace"))
        furnace.set(400)
        assert furnace.get()["value_raw"] == 400

Each name is imported when it is asked for: pytest imports this package in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dripline.testing.alerts import RecordedAlerts as RecordedAlerts
    from dripline.testing.brokers import Broker as Broker
    from dripline.testing.brokers import broker_for_tests as broker_for_tests
    from dripline.testing.brokers import own_exchanges as own_exchanges
    from dripline.testing.faults import Fault as Fault
    from dripline.testing.faults import Faults as Faults
    from dripline.testing.leaks import nothing_left_behind as nothing_left_behind
    from dripline.testing.services import Services as Services
    from dripline.testing.talk import Talk as Talk
    from dripline.testing.talk import talk_to as talk_to

_HOMES = {
    "Broker": "brokers",
    "Fault": "faults",
    "Faults": "faults",
    "RecordedAlerts": "alerts",
    "Services": "services",
    "Talk": "talk",
    "broker_for_tests": "brokers",
    "nothing_left_behind": "leaks",
    "own_exchanges": "brokers",
    "talk_to": "talk",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
