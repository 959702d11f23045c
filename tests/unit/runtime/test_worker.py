"""The thread on which handlers run."""

import queue
import threading
from types import SimpleNamespace

import pytest

from dripline.runtime.worker import Worker, in_flight, release
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")


class Line:
    """Stands where the connection is, and remembers what was acknowledged."""

    def __init__(self):
        self.acked = queue.SimpleQueue()

    def ack(self, *deliveries):
        """Remember what is acknowledged."""
        for delivery in deliveries:
            self.acked.put(delivery.delivery_tag)


@pytest.fixture
def line():
    """A connection."""
    return Line()


@pytest.fixture
def heard():
    """Messages that the worker's function was given."""
    return queue.SimpleQueue()


@pytest.fixture
def worker(heard):
    """A worker at work."""
    worker = Worker("test-worker", heard.put, wait_s=0.05)
    yield worker
    worker.stop()


def alert(payload=None):
    """An alert."""
    return MsgAlert.create(payload, "news")


def test_messages_are_handled_in_order_on_a_thread_of_its_own(deliveries):
    """The thread carries the worker's name."""
    heard = queue.SimpleQueue()
    worker = Worker("peaches", lambda message: heard.put((message.plain_payload, threading.current_thread().name)))
    for number in range(3):
        worker.put(deliveries(alert(number))[0])
    assert [heard.get(timeout=30) for _ in range(3)] == [(0, "peaches"), (1, "peaches"), (2, "peaches")]
    assert worker.stop()


def test_a_message_is_acknowledged_after_it_was_handled(line, deliveries):
    """Not before: a service that dies in between gets it again."""
    order = queue.SimpleQueue()
    line.ack = lambda delivery: order.put("acknowledged")
    worker = Worker("test-worker", lambda message: order.put("handled"))
    worker.feeder(line)(deliveries(alert())[0])
    assert [order.get(timeout=30) for _ in range(2)] == ["handled", "acknowledged"]
    worker.stop()


def test_whoever_replies_may_acknowledge_in_the_same_write(line, deliveries):
    """A handler that takes the delivery has the duty to acknowledge it; the worker does not do it again."""
    taken = queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: taken.put((in_flight().take(), in_flight().take())))
    (delivery,) = deliveries(alert())
    worker.feeder(line)(delivery)
    assert taken.get(timeout=30) == (delivery, None)
    worker.stop()
    assert line.acked.empty()


def test_what_is_held_is_acknowledged_when_all_have_let_go(line, deliveries):
    """A handler can put the acknowledgement off beyond its return; several at a time go out in one write."""
    held, writes = queue.SimpleQueue(), []
    line.ack = lambda *acknowledged: writes.append(acknowledged)
    worker = Worker("test-worker", lambda message: held.put((in_flight().hold(), in_flight().hold())))
    both = [deliveries(alert())[0] for _ in range(2)]
    for delivery in both:
        worker.feeder(line)(delivery)
    first, second = held.get(timeout=30), held.get(timeout=30)
    worker.stop()
    release([first[0], second[0]])
    assert writes == []
    release([first[1], second[1]])
    assert writes == [tuple(both)]
    release(first)
    assert len(writes) == 1


def test_what_is_held_can_need_no_acknowledgement(deliveries):
    """Then letting go does nothing."""
    held = queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: held.put(in_flight().hold()))
    worker.put(deliveries(alert())[0])
    release([held.get(timeout=30)])
    worker.stop()


def test_what_needs_no_acknowledgement_gets_none(deliveries):
    """A delivery that came by `put` has nothing to take."""
    taken = queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: taken.put(in_flight().take()))
    worker.put(deliveries(alert())[0])
    assert taken.get(timeout=30) is None
    worker.stop()
    assert in_flight() is None


def test_a_long_message_is_put_together(line, heard, deliveries):
    """Its chunks are acknowledged as they come, since the broker sends only so many ahead."""
    worker = Worker("test-worker", heard.put, wait_s=60)
    feed, parts = worker.feeder(line), deliveries(alert("x" * 300), 100)
    for part in parts:
        feed(part)
    assert heard.get(timeout=30).plain_payload == "x" * 300
    assert [line.acked.get(timeout=30) for _ in parts] == [part.delivery_tag for part in parts]
    assert worker.stop()


def test_chunks_that_wait_behind_a_busy_handler_are_not_late(line, deliveries):
    """They came in time, whatever takes long between them."""
    heard = queue.SimpleQueue()

    def slow(message):
        heard.put(message.invalid_reason)
        threading.Event().wait(0.3)

    worker = Worker("test-worker", slow, wait_s=0.1)
    parts, (other,) = deliveries(alert("x" * 150), 100), deliveries(alert())
    for part in (parts[0], other, *parts[1:]):
        worker.put(part)
    assert [heard.get(timeout=30) for _ in range(2)] == [None, None]
    assert worker.stop(30)
    assert heard.empty()


def test_what_was_given_up_is_complete_when_it_is_sent_again(worker, heard, deliveries):
    """With the same id, as a sender does whose connection was lost; a chunk that is only late begins nothing."""
    parts = deliveries(alert("x" * 300), 100)
    worker.put(parts[0])
    assert heard.get(timeout=30).invalid_reason is not None
    worker.put(parts[1])
    for part in parts:
        worker.put(part)
    assert heard.get(timeout=30).plain_payload == "x" * 300


def test_a_worker_knows_whether_it_is_idle(deliveries):
    """From the moment at which something came until it is handled."""
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    worker = Worker("test-worker", lambda message: (begun.release(), go_on.acquire(timeout=30)))
    assert worker.is_idle
    for _ in range(2):
        worker.put(deliveries(alert())[0])
    assert not worker.is_idle
    assert begun.acquire(timeout=30)
    assert not worker.is_idle
    go_on.release()
    assert begun.acquire(timeout=30)
    assert not worker.is_idle
    go_on.release()
    assert worker.stop(30)
    assert worker.is_idle


def test_an_incomplete_request_is_handled_as_invalid(worker, heard, deliveries):
    """When the rest does not come in time, so that who asked is told; without the next message having to come."""
    first, *_ = deliveries(MsgRequest.create("x" * 300, op_t.set, "peaches"), 100)
    worker.put(first)
    message = heard.get(timeout=30)
    assert "not all of its" in message.invalid_reason


def test_an_incomplete_message_does_not_wait_for_a_quiet_moment(worker, heard, deliveries):
    """It is given up in time also while others keep coming."""
    first, *_ = deliveries(MsgRequest.create("x" * 300, op_t.set, "peaches"), 100)
    worker.put(first)
    for _ in range(1000):
        worker.put(deliveries(alert())[0])
        if heard.get(timeout=30).invalid_reason is not None:
            return
        threading.Event().wait(0.001)
    pytest.fail("never given up")


def test_what_is_no_message_is_dropped_and_acknowledged(worker, line, heard, deliveries, caplog):
    """Bytes that cannot be read are logged, and the next message is handled."""
    (bad,), (good,) = deliveries(alert()), deliveries(alert("good"))
    bad.properties._table = None
    feed = worker.feeder(line)
    feed(bad)
    feed(good)
    assert heard.get(timeout=30).plain_payload == "good"
    assert line.acked.get(timeout=30) == bad.delivery_tag
    assert "dropped what is no message, for 'news'" in caplog.text


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_a_function_that_raises_does_not_end_the_worker(line, deliveries, caplog, error):
    """It is logged; the message counts as handled."""
    heard = queue.SimpleQueue()

    def fragile(message):
        heard.put(message.plain_payload)
        if message.plain_payload == "bad":
            raise error

    worker = Worker("test-worker", fragile)
    feed = worker.feeder(line)
    feed(deliveries(alert("bad"))[0])
    feed(deliveries(alert("good"))[0])
    assert [heard.get(timeout=30) for _ in range(2)] == ["bad", "good"]
    assert worker.stop()
    assert line.acked.qsize() == 2
    assert "a message for 'news' could not be handled" in caplog.text


def test_stopping_lets_it_finish_what_is_queued(heard, deliveries):
    """Within the grace."""
    worker = Worker("test-worker", heard.put)
    for number in range(20):
        worker.put(deliveries(alert(number))[0])
    assert worker.stop()
    assert heard.qsize() == 20


def test_stopping_does_not_wait_for_a_handler_that_hangs(deliveries):
    """And what is queued behind it is left undone: nothing is set after a service has stopped."""
    hanging, free, handled = threading.Event(), threading.Event(), []

    def hang(message):
        handled.append(message.plain_payload)
        hanging.set()
        free.wait(30)

    worker = Worker("test-worker", hang)
    worker.put(deliveries(alert("hangs"))[0])
    worker.put(deliveries(alert("queued"))[0])
    assert hanging.wait(30)
    assert not worker.stop(grace_s=0.02)
    free.set()
    worker._thread.join(30)
    assert handled == ["hangs"]


def test_several_can_be_told_to_stop_before_they_are_waited_for(heard, deliveries):
    """A first call without grace only tells it; what is queued is still handled within the grace of the second."""
    worker = Worker("test-worker", heard.put)
    for number in range(20):
        worker.put(deliveries(alert(number))[0])
    worker.stop(0)
    assert worker.stop(30)
    assert heard.qsize() == 20


def test_it_may_be_stopped_by_its_own_handler(deliveries):
    """A handler that stops its worker does not wait for itself."""
    stopped = queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: stopped.put(worker.stop()))
    worker.put(deliveries(alert())[0])
    assert stopped.get(timeout=30) is False


def test_a_flood_of_bad_messages_is_told_once(deliveries, caplog):
    """And their number when the worker ends."""
    worker = Worker("test-worker", lambda message: None)
    (delivery,) = deliveries(alert())
    for number in range(500):
        worker.put(delivery._replace(properties=SimpleNamespace(message_id=f"x/{number}/y", headers={})))
    assert worker.stop(60)
    lines = [record.getMessage() for record in caplog.records if record.name == "dripline.service"]
    assert len(lines) == 2
    assert "x/0/y" in lines[0]
    assert lines[1] == "dropped what is no message: 499 more since it was told last"


def test_what_waits_for_a_worker_is_bounded_in_bytes(deliveries, monkeypatch):
    """A message too many loses its body, and is answered as one that cannot be read; later ones are whole."""
    monkeypatch.setattr("dripline.runtime.worker.WAITING_BYTES", 1000)
    go_on, seen = threading.Event(), queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: (go_on.wait(30), seen.put(message.invalid_reason)))
    for _ in range(3):
        worker.put(deliveries(alert("x" * 600))[0])
    go_on.set()
    reasons = [seen.get(timeout=30) for _ in range(3)]
    worker.put(deliveries(alert("x" * 600))[0])
    reasons.append(seen.get(timeout=30))
    worker.stop()
    assert [reason is None for reason in reasons] == [True, False, False, True]
    assert worker.dropped == {"no_room": 2}, "and it is counted"


def test_a_request_that_has_no_room_is_answered_with_the_reason(deliveries, monkeypatch):
    """Also when it comes in chunks, once."""
    monkeypatch.setattr("dripline.runtime.worker.WAITING_BYTES", 1000)
    go_on, seen = threading.Event(), queue.SimpleQueue()
    worker = Worker("test-worker", lambda message: (go_on.wait(30), seen.put(message.invalid_reason)))
    request = MsgRequest.create("x" * 900, op_t.set, "peaches")
    for delivery in (*deliveries(alert("x" * 600)), *deliveries(request), *deliveries(request, 600)):
        worker.put(delivery)
    go_on.set()
    reasons = [seen.get(timeout=30) for _ in range(3)]
    assert worker.stop(30)
    assert seen.empty()
    assert reasons[0] is None
    assert "wait for their handler" in reasons[1]
    assert "chunks" in reasons[2]
    assert not worker.dropped


def test_alerts_that_are_dropped_are_counted_by_reason(heard, deliveries):
    """What cannot be read and what is not complete."""
    worker = Worker("test-worker", heard.put, wait_s=0.01)
    (whole,), parts = deliveries(alert("x")), deliveries(alert("x" * 300), 100)
    worker.put(whole._replace(body=b"{"))
    worker.put(whole._replace(properties=SimpleNamespace(message_id="x/1/y", headers={})))
    worker.put(parts[0])
    for _ in range(2):
        assert heard.get(timeout=30).invalid_reason is not None
    assert worker.stop(30)
    assert worker.dropped == {"undecodable": 2, "incomplete": 1}


def test_the_log_names_the_sender_of_an_invalid_request_and_the_fault(line, worker, heard, deliveries, caplog):
    """Its reply tells only that it was not valid."""
    (delivery,) = deliveries(MsgRequest.create(None, op_t.get, "peaches"))
    worker.feeder(line)(delivery._replace(body=b"volts"))
    assert heard.get(timeout=30).invalid_reason.startswith("not valid JSON")
    (text,) = [text for text in caplog.messages if text.startswith("an invalid request for 'peaches' from /")]
    assert "not valid JSON" in text


def test_it_knows_what_is_not_finished(deliveries):
    """By correlation id: what is at work and what is queued behind it."""
    begun, go_on = threading.Event(), threading.Event()

    def take(_message):
        begun.set()
        go_on.wait(30)

    worker = Worker("worker", take)
    requests = [MsgRequest.create(None, op_t.get, "peaches") for _ in range(3)]
    for request in requests:
        worker.put(deliveries(request)[0])
    assert begun.wait(30)
    assert worker.unfinished() == {request.correlation_id for request in requests}
    assert worker.backlog == 3
    go_on.set()
    assert worker.stop(30)
    assert (worker.unfinished(), worker.backlog) == (set(), 0)
