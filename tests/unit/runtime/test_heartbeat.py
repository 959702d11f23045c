"""A service's signs of life."""

import threading
import time

import pytest

from dripline.runtime.heartbeat import Heartbeat

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_it_beats_at_its_interval():
    """The first beat comes after one interval."""
    beats, thrice = [], threading.Semaphore(0)
    start = time.monotonic()
    heartbeat = Heartbeat(lambda: (beats.append(time.monotonic() - start), thrice.release()), 0.03)
    heartbeat.start()
    heartbeat.start()  # beats already
    for _ in range(3):
        assert thrice.acquire(timeout=30)
    heartbeat.stop()
    assert beats[0] >= 0.025
    assert beats[2] >= 0.08


@pytest.mark.parametrize("interval_s", [0, -1])
def test_no_interval_is_no_heartbeat(interval_s):
    """0 turns it off."""
    threads = set(threading.enumerate())
    heartbeat = Heartbeat(lambda: pytest.fail("beats"), interval_s)
    heartbeat.start()
    assert set(threading.enumerate()) <= threads
    heartbeat.stop()


def test_a_beat_that_fails_is_not_the_last(caplog):
    """What went wrong is logged, and the next one follows."""
    twice = threading.Semaphore(0)

    def broken():
        twice.release()
        raise ConnectionError("no broker")

    heartbeat = Heartbeat(broken, 0.01)
    heartbeat.start()
    assert twice.acquire(timeout=30)
    assert twice.acquire(timeout=30)
    heartbeat.stop()
    assert "no heartbeat sent: no broker" in caplog.text


def test_it_can_be_started_again():
    """A service that is stopped and started has its heartbeat again."""
    beat = threading.Event()
    heartbeat = Heartbeat(beat.set, 0.01)
    heartbeat.start()
    heartbeat.stop()
    beat.clear()
    heartbeat.start()
    assert beat.wait(30)
    heartbeat.stop()


def test_stopping_does_not_wait_forever_for_a_beat():
    """A beat that hangs is left alone after the grace."""
    hanging, free = threading.Event(), threading.Event()
    heartbeat = Heartbeat(lambda: (hanging.set(), free.wait(30)), 0.01)
    heartbeat.start()
    assert hanging.wait(30)
    start = time.monotonic()
    heartbeat.stop(grace_s=0.02)
    assert time.monotonic() - start < 20
    free.set()
