"""Durable queues are declared so that no message is delivered too often for the broker."""

import logging

import pytest
from pika import spec
from support.fake_broker import FakeBroker

from dripline.errors import BrokerError
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.transport.topology import has_delivery_limit, policy_command

pytestmark = pytest.mark.usefixtures("no_leaks")
RABBITMQ_4 = {"product": "RabbitMQ", "version": "4.1.0"}
OLD_QUEUE = {"x-queue-type": "quorum"}
NEW_QUEUE = {"x-queue-type": "quorum", "x-delivery-limit": -1}


def declared(fake):
    """Declare a queue; what was sent, with the channel it was sent on."""
    connection = Connection(BrokerAddress(fake.host, fake.port))
    connection.open()
    try:
        connection.declare_durable_queue("x.alerts")
    finally:
        connection.close()
    found = []
    while not fake.frames.empty():
        value = fake.frames.get()
        method = getattr(value, "method", None)
        if isinstance(method, spec.Queue.Declare):
            found.append((value.channel_number, method.passive, method.arguments))
    return found


@pytest.mark.parametrize(
    ("announced", "limited"),
    [
        (RABBITMQ_4, True),
        ({"product": "RabbitMQ", "version": "10.0.0-rc.1"}, True),
        ({"product": "RabbitMQ", "version": "3.13.7"}, False),
        ({"product": "RabbitMQ", "version": ""}, False),
        ({"product": "dripline embedded broker", "version": "6.1.0"}, False),
        ({"product": b"RabbitMQ", "version": b"4.3.0"}, True),
        ({}, False),
        (None, False),
    ],
)
def test_brokers_with_a_delivery_limit_are_known_by_what_they_announce(announced, limited):
    """RabbitMQ since 4.0, whatever its version looks like."""
    assert has_delivery_limit(announced) is limited


def test_the_limit_is_lifted_where_there_is_one(caplog):
    """On a channel of its own, since a refusal ends it."""
    with FakeBroker(announced=RABBITMQ_4) as fake, caplog.at_level(logging.WARNING):
        ((channel, passive, arguments),) = declared(fake)
    assert (channel != 1, bool(passive), arguments) == (True, False, NEW_QUEUE)
    assert "x.alerts" not in caplog.text


@pytest.mark.parametrize("announced", [{"product": "RabbitMQ", "version": "3.10.8"}, {}])
def test_queues_of_earlier_brokers_are_declared_as_ever(announced):
    """3.x takes -1 for a limit, and an existing queue without it would be refused."""
    with FakeBroker(announced=announced) as fake:
        assert [(bool(passive), arguments) for _, passive, arguments in declared(fake)] == [(False, OLD_QUEUE)]


def refusing(current):
    """A broker that has the queue with other arguments."""

    def refuse(method):
        if not isinstance(method, spec.Queue.Declare) or method.passive or method.arguments == current:
            return None
        return 406, "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'x.alerts'"

    return refuse


@pytest.mark.parametrize("current", [OLD_QUEUE, {"x-queue-type": "quorum", "x-delivery-limit": 50}])
def test_an_existing_queue_with_a_limit_is_used_and_named(caplog, current):
    """With the command that lifts the limit."""
    with FakeBroker(announced=RABBITMQ_4, refuse=refusing(current)) as fake, caplog.at_level(logging.WARNING):
        assert declared(fake)[-1][0] == 1, "the channel of the consumer is open still"
    assert caplog.text.count("rabbitmqctl set_policy") == 1
    assert "'x.alerts'" in caplog.text


def test_a_queue_of_another_kind_is_refused():
    """As on every broker."""

    def refuse(method):
        return (406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type'") if is_declaration(method) else None

    def is_declaration(method):
        return isinstance(method, spec.Queue.Declare) and not method.passive

    with FakeBroker(announced=RABBITMQ_4, refuse=refuse) as fake, pytest.raises(BrokerError, match="refused"):
        declared(fake)


def test_the_command_names_this_queue_only():
    """Dots are literal, and words of a shell stay words."""
    command = policy_command("a.b.alerts", "/my host")
    assert r"'^a\.b\.alerts$'" in command
    assert "-p '/my host'" in command
    assert """'{"delivery-limit": -1}'""" in command
    assert "--apply-to quorum_queues" in command
