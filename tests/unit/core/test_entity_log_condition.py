"""When a value is worth logging."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core.entity import LogCondition, checked_value, has_changed


def test_the_first_value_is_logged():
    """Whatever the limits are."""
    assert LogCondition().wants(1.0, inf, inf, inf)


def test_the_next_is_not_when_nothing_changed():
    """A quiet value is quiet."""
    condition = LogCondition()
    condition.logged(1.0)
    assert not condition.wants(1.0, 1000, 0, 0)


def test_after_the_longest_interval_it_is(monkeypatch):
    """`max_interval` counts from the last value that was logged, not from the last look."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    condition = LogCondition()
    condition.logged(1.0)
    now[0] += 59.9
    assert not condition.wants(1.0, 60, 0, 0)
    now[0] += 0.2
    assert condition.wants(1.0, 60, 0, 0)


def test_an_interval_of_zero_logs_each_time():
    """That is the default."""
    condition = LogCondition()
    condition.logged(1.0)
    assert condition.wants(1.0, 0, inf, inf)


@pytest.mark.parametrize(
    ("old", "new", "absolute", "fractional", "changed"),
    [
        (1.0, 1.5, 0, 0, True),  # limits of 0: any change
        (1.0, 1.0, 0, 0, False),
        (1.0, 1.5, 0.4, inf, True),
        (1.0, 1.5, 0.5, inf, False),  # more than, not as much as
        (100.0, 111.0, inf, 0.1, True),  # 22 > 0.1 * 211
        (100.0, 109.0, inf, 0.1, False),
        (-100.0, -111.0, inf, 0.1, True),
        (0.0, 0.0, inf, 0.1, False),
        (1.0, -1.0, inf, 0.1, True),
        ("1.0", "1.5", 0.6, inf, False),  # what instruments say is text
        ("ON", "OFF", inf, inf, True),
        ("ON", "ON", 0, 0, False),
        ("ON", 1.0, inf, inf, True),
        (None, 1.0, inf, inf, True),
        (True, False, 0, 0, True),
        (1.0, nan, inf, inf, True),
        (nan, 1.0, inf, inf, True),
        ("nan", nan, 0, 0, False),
        (1.0, inf, inf, inf, True),
        ("-inf", " -Infinity\n", 0, 0, False),
        ("000300", "+3.00000E+02\r\n", 0, 0, False),
        ("true", 1, 0, 0, False),
        (10**400, 10**400 + 1, 0, 0, True),
        (nan, nan, 0, 0, False),
        (inf, inf, 0, 0, False),
        (inf, -inf, 5, inf, True),
        ([1], [2], inf, inf, True),
        ({"a": 1}, {"a": 1}, 0, 0, False),
        ([float("nan"), 1], [float("nan"), 1], 0, 0, False),  # other than `nan` itself, they are not equal
        ({"a": float("nan")}, {"a": 1}, 0, 0, True),
    ],
)
def test_a_change_is_more_than_both_limits_allow(old, new, absolute, fractional, changed):
    """One limit that is crossed suffices; what is no number counts when it is another."""
    assert has_changed(old, new, absolute, fractional) is changed


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(0, 10), st.floats(0, 10))
def test_a_change_is_the_same_in_both_directions(one, other, absolute, fractional):
    """Which value is the older one does not matter."""
    assert has_changed(one, other, absolute, fractional) == has_changed(other, one, absolute, fractional)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ({"value_raw": 1, "value_cal": 2}, 2),
        ({"value_raw": 1}, 1),
        ({"value": 33.0}, 33.0),
        ({"values": [33.0]}, 33.0),
        ({"other": 1}, None),
        (3.5, 3.5),
        (None, None),
    ],
)
def test_the_checked_field_falls_back_to_the_raw_value(payload, value):
    """An entity without calibration is compared by what it read."""
    assert checked_value(payload, "value_cal") == value
