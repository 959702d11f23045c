"""One service's heartbeats, judged without any mesh."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from dripline.implementations.heartbeat_tracker import HeartbeatStatus, HeartbeatTracker


@pytest.fixture
def tracker():
    """A tracker that was just made."""
    return HeartbeatTracker("furnace", name="hbmon_furnace")


def silent_for(tracker, seconds):
    """A tracker whose service was heard so long ago."""
    tracker.process_heartbeat("2026-11-21T00:25:53.844333Z")
    tracker._dripline_heard_s = time.monotonic() - seconds
    return tracker


def judged(tracker, listening_since_s=0.0):
    """The status with thresholds of 10 s and 100 s."""
    tracker.service = SimpleNamespace(
        warning_threshold_s=10, critical_threshold_s=100, _dripline_listening_since_s=listening_since_s
    )
    return tracker.check_delay()["status"]


@pytest.mark.parametrize(("silence_s", "status"), [(0, "OK"), (9, "OK"), (11, "WARNING"), (101, "CRITICAL")])
def test_the_thresholds_judge_a_silence(tracker, silence_s, status):
    """Up to the first all is well, up to the second it is a warning."""
    assert judged(silent_for(tracker, silence_s)) == HeartbeatTracker.Status[status]


def test_nothing_is_known_before_the_first_heartbeat(tracker):
    """Not even that it is well; when it stays silent, that is told as of any other."""
    assert judged(tracker) is HeartbeatStatus.UNKNOWN
    tracker._dripline_heard_s -= 11
    assert judged(tracker) is HeartbeatStatus.WARNING


def test_a_service_that_is_down_on_purpose_is_no_news(tracker):
    """`set hbmon_furnace false -s is_active` before a repair."""
    tracker.is_active = False
    assert judged(silent_for(tracker, 500)) is HeartbeatStatus.UNKNOWN


def test_the_time_in_which_nobody_could_hear_does_not_count(tracker):
    """A broker that was away for long makes no service critical, and none well that was not."""
    silent_for(tracker, 500)
    assert judged(tracker) is HeartbeatStatus.CRITICAL
    assert judged(tracker, listening_since_s=time.monotonic()) is HeartbeatStatus.CRITICAL
    tracker.status = HeartbeatStatus.OK
    assert judged(tracker, listening_since_s=time.monotonic()) is HeartbeatStatus.OK


def test_a_check_returns_status_and_silence(tracker):
    """As in dripline-python; its numbers of the statuses are understood, too."""
    assert judged(silent_for(tracker, 20)) is tracker.status is HeartbeatTracker.Status(1)
    assert tracker.check_delay()["time_since_last_hb"] == pytest.approx(20, abs=1)


def test_the_last_timestamp_is_that_of_the_heartbeat(tracker):
    """In seconds since 1970; a heartbeat whose time cannot be read counts from now."""
    assert silent_for(tracker, 0).last_timestamp == pytest.approx(1795220753.844, abs=0.01)
    tracker.process_heartbeat("yesterday")
    assert tracker.last_timestamp == pytest.approx(time.time(), abs=5)


def test_a_subclass_sets_the_time_of_the_last_heartbeat(tracker):
    """Code for dripline-python assigns `last_timestamp`; silence is measured from there."""
    tracker.last_timestamp = time.time() - 50
    assert judged(tracker) is HeartbeatStatus.WARNING


def test_a_get_says_all_that_is_known(tracker):
    """For a person at a command line."""
    assert tracker.on_get() == {
        "service_name": "furnace",
        "status": "UNKNOWN",
        "is_active": True,
        "last_heartbeat": None,
        "seconds_since_heartbeat": None,
    }
    known = silent_for(tracker, 2).on_get()
    assert known["last_heartbeat"] == "2026-11-21T00:25:53.844333Z"
    assert known["seconds_since_heartbeat"] == pytest.approx(2, abs=1)
