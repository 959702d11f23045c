"""Pauses between attempts."""

import itertools

import pytest

from dripline.runtime.outage import delays


def test_delays_double_up_to_the_cap():
    """Each is within a quarter of its nominal value."""
    found = list(itertools.islice(delays(first_s=1, cap_s=5), 6))
    for delay, nominal in zip(found, [1, 2, 4, 5, 5, 5], strict=True):
        assert delay == pytest.approx(nominal, rel=0.25)


def test_no_two_members_of_a_mesh_come_back_in_step():
    """Delays vary by chance."""
    assert next(delays()) != next(delays())
