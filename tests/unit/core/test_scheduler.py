"""Schedules of a service."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from dripline.core import Scheduler


@pytest.fixture
def scheduler():
    """A running schedule."""
    scheduler = Scheduler()
    scheduler._dripline_task_scheduler.start()
    yield scheduler
    scheduler._dripline_task_scheduler.stop()


def test_something_is_done_once_at_its_time(scheduler):
    """`schedule(function, when)`."""
    done = threading.Event()
    scheduler.schedule(done.set, datetime.now() + timedelta(milliseconds=20))
    assert done.wait(30)


def test_something_is_done_again_and_again(scheduler):
    """`schedule(function, interval, start)`; without start it begins at once."""
    times = threading.Semaphore(0)
    scheduler.schedule(times.release, timedelta(milliseconds=10))
    assert all(times.acquire(timeout=30) for _ in range(3))


@pytest.mark.parametrize(
    "when", [{"time": datetime.now()}, {"interval": timedelta(seconds=9), "time": datetime.now()}]
)
def test_the_names_of_the_arguments_are_the_references(scheduler, when):
    """`executable`, `interval`, `time`."""
    done = threading.Event()
    scheduler.schedule(executable=done.set, **when)
    assert done.wait(30)


def test_what_was_taken_off_is_not_done(scheduler):
    """`unschedule(id)`; twice does no harm."""
    done = threading.Event()
    number = scheduler.schedule(done.set, datetime.now() + timedelta(milliseconds=500))
    later = threading.Event()
    scheduler.schedule(later.set, datetime.now() + timedelta(milliseconds=550))
    scheduler.unschedule(number)
    scheduler.unschedule(number)
    assert later.wait(30)
    assert not done.is_set()


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
def test_what_a_scheduled_call_raises_is_logged_and_it_stays_scheduled(scheduler, error, caplog):
    """Others do not suffer either."""
    times = threading.Semaphore(0)

    def fail():
        times.release()
        raise error

    scheduler.schedule(fail, timedelta(milliseconds=10))
    assert all(times.acquire(timeout=30) for _ in range(2))
    assert "it stays scheduled" in caplog.text


@pytest.mark.parametrize("when", [None, 5, "now"])
def test_a_time_that_is_none_is_refused(when):
    """With what it is instead."""
    with pytest.raises(TypeError, match="needs a datetime or a timedelta"):
        Scheduler().schedule(print, when)


def test_nothing_is_done_before_the_schedule_is_started():
    """A service with `enable_scheduling` off keeps what is scheduled, and does nothing."""
    scheduler, done = Scheduler(), threading.Event()
    scheduler.schedule(done.set, timedelta(milliseconds=1))
    assert not done.wait(0.05)


def test_packages_read_the_buffer_and_the_cycle():
    """`datetime.now() + self.service.execution_buffer*3` is how they schedule."""
    assert Scheduler.execution_buffer * 3 == timedelta(milliseconds=300)
    assert isinstance(Scheduler.cycle_time, timedelta)
