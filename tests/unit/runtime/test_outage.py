"""What is lost is logged once, and so is its return; pauses between attempts."""

import itertools
import logging

import pytest

from dripline.runtime.outage import Outage, delays


def test_delays_double_up_to_the_cap():
    """Each is within a quarter of its nominal value."""
    found = list(itertools.islice(delays(first_s=1, cap_s=5), 6))
    for delay, nominal in zip(found, [1, 2, 4, 5, 5, 5], strict=True):
        assert delay == pytest.approx(nominal, rel=0.25)


def test_no_two_members_of_a_mesh_come_back_in_step():
    """Delays vary by chance."""
    assert next(delays()) != next(delays())


def test_a_loss_is_logged_once_and_so_is_its_end(caplog):
    """However often it is noticed; each loss anew."""
    caplog.set_level(logging.INFO)
    outage = Outage(logging.getLogger("test"))
    assert not outage
    for _ in range(2):
        outage.begin("full", "%s is lost: %s", "disk", "full")
        outage.begin("gone", "%s is lost: %s", "disk", "gone")
        assert outage
        assert outage.why == "gone"
        assert outage.for_s > 0
        assert outage.end("%s is back", "disk")
        assert not outage.end("%s is back", "disk")
        assert outage.for_s == 0
    assert [record.message for record in caplog.records] == ["disk is lost: full", "disk is back"] * 2


def test_a_loss_that_ends_in_time_is_not_logged(caplog):
    """If what is lost often comes back soon."""
    outage = Outage(logging.getLogger("test"))
    outage.begin("busy", "it is lost", patience_s=60)
    assert outage.end("it is back")
    assert caplog.records == []
