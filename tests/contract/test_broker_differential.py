"""The embedded broker and RabbitMQ do the same: every scenario runs on both, and the two logs must be equal."""

from __future__ import annotations

import pytest

from . import (
    scenarios_consumers,
    scenarios_delivery,
    scenarios_exchanges,
    scenarios_frames,
    scenarios_handshake,
    scenarios_quorum,
    scenarios_routing,
    scenarios_topology,
)
from .conftest import BrokerAddress
from .scenario import SCENARIOS
from .stage import Stage

LOADED = (
    scenarios_consumers,
    scenarios_delivery,
    scenarios_exchanges,
    scenarios_frames,
    scenarios_handshake,
    scenarios_quorum,
    scenarios_routing,
    scenarios_topology,
)


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_rabbitmq(name: str, embedded: BrokerAddress, rabbitmq: BrokerAddress) -> None:
    """What a client sees is the same on both brokers, event for event."""
    assert play(name, embedded) == play(name, rabbitmq)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_on_the_embedded_broker(name: str, embedded: BrokerAddress) -> None:
    """Each scenario runs to its end where there is no RabbitMQ, and sees something."""
    assert play(name, embedded)


def play(name: str, address: BrokerAddress) -> list[tuple[object, ...]]:
    """Run a scenario on one broker; its log."""
    stage = Stage(address)
    try:
        SCENARIOS[name](stage)
    finally:
        stage.close()
    return stage.log
