"""Pings go past a worker that is at work."""

import queue
import threading

import pytest

from dripline.runtime.quick_lane import QuickLane
from dripline.runtime.worker import Worker
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")


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
    lane = QuickLane("peaches", lambda message: answered.put(("lane", message.specifier.to_string())))
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


def test_a_chunk_is_not_quick(scene, answered, deliveries):
    """Its message is put together by the worker."""
    feed, gate = scene
    gate.clear()
    feed(deliveries(request("first"))[0])
    for part in deliveries(MsgRequest.create("x" * 300, op_t.cmd, "peaches", "ping", "here"), 100):
        feed(part)
    gate.set()
    assert [answered.get(timeout=30) for _ in range(2)] == [("worker", "first"), ("worker", "ping")]
