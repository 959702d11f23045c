"""The task scheduler: things are done at their time, and nothing that goes wrong stops the rest."""

import logging
import threading
import time
from datetime import datetime, timedelta

import pytest

from dripline.core import scheduler as scheduler_module
from dripline.core.scheduler import TaskScheduler

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def scheduler():
    """A scheduler at work."""
    scheduler = TaskScheduler()
    scheduler.start()
    yield scheduler
    scheduler.stop()


def soon(seconds=0.0):
    """A time of day, so many seconds from now."""
    return datetime.now() + timedelta(seconds=seconds)


def test_something_is_done_once_at_its_time(scheduler):
    """Not before, and not again."""
    times, done = [], threading.Event()
    start = time.monotonic()
    scheduler.add(lambda: (times.append(time.monotonic() - start), done.set()), soon(0.05))
    assert done.wait(30)
    assert times[0] >= 0.045
    assert scheduler._entries == {}


def test_something_is_done_again_and_again(scheduler):
    """An interval counts from due time to due time, whatever the doing takes."""
    times, thrice, start = [], threading.Semaphore(0), time.time()
    number = scheduler.add(lambda: (times.append(time.time()), thrice.release()), soon(), timedelta(seconds=0.05))
    first = scheduler._entries[number].due
    for _ in range(4):
        assert thrice.acquire(timeout=30)
    assert times[3] - start >= 0.145
    intervals = (scheduler._entries[number].due - first) / 0.05
    assert intervals == pytest.approx(round(intervals), abs=1e-3)


def test_entries_are_done_in_the_order_of_their_times(scheduler):
    """Whatever order they were added in."""
    order, done = [], threading.Event()
    scheduler.add(done.set, soon(0.6))
    scheduler.add(lambda: order.append("second"), soon(0.55))
    scheduler.add(lambda: order.append("first"), soon(0.5))
    assert done.wait(30)
    assert order == ["first", "second"]


def test_what_was_removed_is_not_done(scheduler):
    """`remove` tells whether there was something to remove."""
    done, wrong = threading.Event(), threading.Event()
    number = scheduler.add(wrong.set, soon(0.5))
    assert scheduler.remove(number)
    assert not scheduler.remove(number)
    scheduler.add(done.set, soon(0.55))
    assert done.wait(30)
    assert not wrong.is_set()


def test_an_entry_may_remove_itself(scheduler):
    """What is done again and again can end that from within."""
    count, done = [], threading.Event()

    def once():
        count.append(1)
        scheduler.remove(number)
        scheduler.add(done.set, soon(0.03))

    number = scheduler.add(once, soon(0.5), timedelta(seconds=0.01))
    assert done.wait(30)
    assert count == [1]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_raises_is_logged_and_stays(scheduler, caplog, error):
    """A failing entry disturbs neither the others nor its own next time."""
    twice = threading.Semaphore(0)

    def broken():
        twice.release()
        raise error

    with caplog.at_level(logging.ERROR):
        scheduler.add(broken, soon(), timedelta(seconds=0.01))
        assert twice.acquire(timeout=30)
        assert twice.acquire(timeout=30)
    assert "a scheduled call failed" in caplog.text


def test_what_comes_late_is_done_once(scheduler):
    """Intervals that were missed are not made up for, and the rhythm is kept."""
    done = threading.Semaphore(0)
    start = datetime.now()
    number = scheduler.add(done.release, start - timedelta(seconds=630), timedelta(seconds=60))
    assert done.acquire(timeout=20)
    assert not done.acquire(timeout=0.1)
    assert scheduler._entries[number].due == pytest.approx(start.timestamp() + 30)


def test_nothing_is_done_before_the_start_and_after_the_stop():
    """What is due waits for the start; a stopped scheduler rests, and can be started again."""
    scheduler, done = TaskScheduler(), threading.Semaphore(0)
    scheduler.add(done.release, soon(), timedelta(seconds=0.01))
    assert not done.acquire(timeout=0.03)
    scheduler.start()
    assert done.acquire(timeout=30)
    scheduler.stop()
    while done.acquire(blocking=False):
        pass
    assert not done.acquire(timeout=0.05)
    scheduler.start()
    assert done.acquire(timeout=30)
    scheduler.stop()


def test_stopping_does_not_wait_forever_for_what_is_being_done():
    """A call that hangs is left alone after the grace; when it returns its thread ends, also after a new start."""
    scheduler, hanging, free = TaskScheduler(), threading.Event(), threading.Event()
    scheduler.start()
    scheduler.add(lambda: (hanging.set(), free.wait(30)), soon())
    assert hanging.wait(30)
    scheduler.stop(grace_s=0.01)
    scheduler.start()
    free.set()
    scheduler.stop()


def test_it_may_be_stopped_from_within(scheduler):
    """An entry that stops the scheduler does not wait for itself."""
    stopped = threading.Event()
    scheduler.add(lambda: (scheduler.stop(), stopped.set()), soon())
    assert stopped.wait(30)


def test_a_clock_that_is_set_does_not_disturb_intervals(scheduler, monkeypatch):
    """After the time of day jumped an hour back, logging goes on; what is due at a time of day waits for that."""
    done, once = threading.Semaphore(0), threading.Event()
    scheduler.add(done.release, soon(), timedelta(seconds=0.02))
    assert done.acquire(timeout=30)
    real = time.time
    monkeypatch.setattr(scheduler_module.time, "time", lambda: real() - 3600)
    scheduler.add(once.set, datetime.fromtimestamp(real() + 0.05))
    for _ in range(10):
        assert done.acquire(timeout=30)
    assert not once.is_set()


def test_what_is_removed_early_leaves_nothing_behind(scheduler):
    """Adding and removing for ever does not fill the memory."""
    for _ in range(1000):
        scheduler.remove(scheduler.add(print, soon(3600)))
    assert len(scheduler._heap) < 200
