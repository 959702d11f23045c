"""Pings go past a worker that is at work."""

import queue
import threading

import pika
import pytest

from dripline.amqp.content import Delivery
from dripline.amqp.properties import RawProperties
from dripline.runtime.worker import PriorityLane, Worker
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")

QUICK = {(op_t.cmd, "ping"), (op_t.get, "health")}


class Line:
    """Stands where the connection is."""

    def ack(self, *deliveries):
        """Forget them."""


def request(specifier, operation=op_t.cmd):
    """A request that a service may get."""
    return MsgRequest.create(None, operation, "peaches", specifier, "here")


@pytest.fixture
def answered():
    """Who answered what: the name of the thread, and the specifier."""
    return queue.SimpleQueue()


@pytest.fixture
def scene(answered):
    """A lane, a worker that is at work as long as its gate is shut, and what feeds them."""
    gate = threading.Event()
    gate.set()

    def take(message):
        gate.wait(30)
        answered.put(("worker", message.specifier.to_string()))

    worker = Worker("worker", take)
    lane = PriorityLane(
        "peaches",
        lambda message: answered.put(("lane", message.specifier.to_string())),
        lambda message: (message.message_operation, message.specifier.to_string()) in QUICK,
        ("ping", "health"),
    )
    yield lane.feeder(Line(), worker), gate
    gate.set()
    worker.stop(30)
    lane.stop(30)


def test_they_go_past_a_worker_from_the_moment_at_which_it_has_something(scene, answered, deliveries):
    """Whether it has begun with it or not, and however many there are; all else waits its turn."""
    feed, gate = scene
    gate.clear()
    for specifier, operation in (
        ("first", op_t.cmd),
        ("ping", op_t.cmd),
        ("health", op_t.get),
        ("last", op_t.cmd),
    ):
        feed(deliveries(request(specifier, operation))[0])
    assert [answered.get(timeout=30) for _ in range(2)] == [("lane", "ping"), ("lane", "health")]
    gate.set()
    assert [answered.get(timeout=30) for _ in range(2)] == [("worker", "first"), ("worker", "last")]


def test_they_are_the_workers_when_it_is_idle(scene, answered, deliveries):
    """So that a quiet service has no second thread."""
    feed, _ = scene
    before = set(threading.enumerate())
    feed(deliveries(request("ping"))[0])
    assert answered.get(timeout=30) == ("worker", "ping")
    assert set(threading.enumerate()) <= before


def test_all_chunks_of_a_message_go_the_same_way(scene, answered, deliveries):
    """Although the worker was idle when the first one came."""
    feed, gate = scene
    first, *others = deliveries(MsgRequest.create("x" * 300, op_t.cmd, "peaches", "ping", "here"), 100)
    feed(first)
    gate.clear()
    feed(deliveries(request("first"))[0])
    for part in others:
        feed(part)
    assert answered.get(timeout=30) == ("lane", "ping")
    gate.set()
    assert answered.get(timeout=30) == ("worker", "first")


def wire_properties(**changes):
    """Properties of a ping as another client may write them."""
    headers = {
        "timestamp": "2026-01-01T00:00:00Z",
        "specifier": "ping",
        "message_type": 3,
        "further": {"ping": [1, 2]},
        "message_operation": int(op_t.cmd),
    }
    headers.update(changes.pop("headers", {}))
    properties = pika.BasicProperties(headers=headers, correlation_id="c", reply_to="here", **changes)
    return RawProperties(b"".join(properties.encode()))


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "f/0/1"},
        {"message_id": "f"},
        {},
        {"message_id": "f/0/1", "app_id": "labview"},
        {"message_id": "f/0/1", "timestamp": 5, "type": "t", "user_id": "u", "priority": 3, "expiration": "9"},
        {"headers": {"specifier": b"ping"}},
    ],
)
def test_the_message_counts_and_not_its_bytes(scene, answered, deliveries, changes):
    """Further properties and headers, another order and another type of text make no difference."""
    feed, gate = scene
    gate.clear()
    feed(deliveries(request("first"))[0])
    feed(Delivery("dl.1", 1000, "requests", "peaches", wire_properties(**changes), b""))
    assert answered.get(timeout=30) == ("lane", "ping")
    gate.set()
    assert answered.get(timeout=30) == ("worker", "first")


@pytest.mark.parametrize(
    "headers",
    [{"message_operation": int(op_t.get)}, {"message_type": 4}, {"specifier": "ping.x"}, {"specifier": ""}],
)
def test_what_only_looks_like_a_ping_waits(scene, answered, deliveries, headers):
    """The lane must be free for real ones."""
    feed, gate = scene
    gate.clear()
    feed(deliveries(request("first"))[0])
    feed(Delivery("dl.1", 1000, "requests", "peaches", wire_properties(headers=headers), b""))
    feed(deliveries(request("ping"))[0])
    assert answered.get(timeout=30) == ("lane", "ping")
    gate.set()
    assert answered.get(timeout=30) == ("worker", "first")
    assert answered.get(timeout=30)[0] == "worker"
