"""Limits of a value."""

from __future__ import annotations

import logging
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import Entity, MsgRequest, Service, calibrate, op_t
from dripline.core._limits import Alarm, AlarmLimits
from dripline.errors import ConfigurationError

OVEN = {"warning": {"low": 10, "high": 100}, "critical": {"high": 120}, "hysteresis": 5}


def levels(values, **changes):
    """The level after each value."""
    alarm = Alarm(AlarmLimits.of({**OVEN, **changes}))
    found = []
    for value in values:
        alarm.look(value)
        found.append(alarm.level)
    return found


def test_a_value_outside_is_a_warning_and_further_outside_critical():
    """Each limit is the last value that is still in order."""
    assert levels([50, 100, 101, 121]) == ["ok", "ok", "warning", "critical"]
    assert levels([9]) == ["warning"]


def test_it_has_to_come_back_by_the_hysteresis():
    """A value that trembles about its limit does not ring all night."""
    assert levels([121, 119, 116, 115, 96, 95]) == ["critical"] * 3 + ["warning"] * 2 + ["ok"]


def test_so_many_samples_in_a_row_are_needed():
    """One glitch is none; of a row of bad values the least bad is what is told."""
    assert levels([130, 50, 130, 130], samples=3) == ["ok"] * 4
    assert levels([130, 105, 130], samples=3) == ["ok", "ok", "warning"]
    assert levels([130] * 3 + [50, 50, 130, 50, 50, 50], samples=3)[2:] == ["critical"] * 6 + ["ok"]


@pytest.mark.parametrize(
    ("samples", "values", "text"),
    [
        (1, [121], "121 is above 120: critical"),
        (1, [" +1.21E+02\r\n"], "+1.21E+02 is above 120: critical"),
        (1, [float("inf")], "inf is above 120: critical"),
        (1, [9], "9 is outside of 10 to 100: warning"),
        (1, [121, 96], "96 is not yet 5 inside of 10 to 100: warning"),
        (2, [130, 130, 110, 50], "50 is not yet 2 times inside of 10 to 100: warning"),
        (1, [121, 50], "50 is within its limits again"),
    ],
)
def test_what_is_told_of_a_value_is_so(samples, values, text):
    """A value that came back in part is not said to be outside."""
    alarm = Alarm(AlarmLimits.of({**OVEN, "samples": samples}))
    assert [alarm.describe(value) for value in values if alarm.look(value)][-1] == text


def test_one_sided_limits_are_told_as_such():
    """Without an infinity."""
    alarm = Alarm(AlarmLimits.of({"critical": {"low": 10}, "hysteresis": 5}))
    assert [alarm.describe(value) for value in (9, 12, 15) if alarm.look(value)] == [
        "9 is below 10: critical",
        "15 is within its limits again",
    ]
    with pytest.raises(ConfigurationError, match="critical: no value is below -inf; use finite limits"):
        AlarmLimits.of({"critical": {"high": -inf}})


@pytest.mark.parametrize("value", [None, "warm", [], float("nan")])
def test_what_is_no_number_says_nothing(value):
    """A device that answers with text has no limits."""
    assert levels([121, value, value]) == ["critical"] * 3


@given(st.lists(st.floats(allow_nan=True)), st.integers(1, 4))
def test_a_change_is_told_only_when_it_is_one(values, samples):
    """Two changes in a row never say the same."""
    alarm = Alarm(AlarmLimits.of({**OVEN, "samples": samples}))
    told = ["ok"]
    for value in values:
        if alarm.look(value):
            told.append(alarm.level)
    assert all(one != other for one, other in pairwise(told))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (5, "alarm_limits is a map such as"),
        ({}, "neither 'warning' nor 'critical'"),
        ({"warming": {"high": 1}}, "unknown key 'warming'.*warning"),
        ({"warning": 5}, "warning is a map with 'low', 'high' or both, not 5"),
        ({"warning": {"upper": 5}}, "warning is a map with 'low', 'high'"),
        ({"warning": {"high": "hot"}}, "warning: high is a number, not 'hot'"),
        ({"warning": {"low": 5, "high": 1}}, r"low \(5.0\) is above high \(1.0\)"),
        (
            {"warning": {"high": 320}, "critical": {"high": 300}},
            r"high \(300\) is reached before that of warning",
        ),
        ({"warning": {"low": 1}, "critical": {"low": 2}}, r"critical: low \(2\) is reached before"),
        ({**OVEN, "samples": 0}, "samples is a whole number of 1 or more, not 0"),
        ({**OVEN, "hysteresis": -1}, "hysteresis is 0 or more"),
        ({**OVEN, "hysteresis": 50}, "make the hysteresis smaller"),
    ],
)
def test_wrong_limits_are_told_by_key(limits, text):
    """Before the service starts."""
    with pytest.raises(ConfigurationError, match=text):
        AlarmLimits.of(limits)


class Oven(Entity):
    """Has the temperatures that a test gives it."""

    temperatures = (50.0,)

    @calibrate()
    def on_get(self):
        """Return the next one."""
        first, *rest = self.temperatures
        self.temperatures = tuple(rest) or (first,)
        return first


class Lab(Service):
    """A service that keeps what it sends."""

    def send(self, a_message):
        """Keep it."""
        self.sent = [*getattr(self, "sent", []), (a_message.routing_key, a_message.plain_payload)]


def test_an_entity_tells_crossing_and_clearing_once(caplog):
    """The calibrated value counts; the severity is the last word of the key."""
    caplog.set_level(logging.INFO)
    lab = Lab(name="lab", make_connection=False)
    oven = Oven(name="oven", calibration="2*{}", alarm_limits=OVEN)
    lab.add_child(oven)
    oven.temperatures = (40, 51, 51, 40)
    statuses = []
    for _ in range(4):
        oven.scheduled_log()
        reply = oven.on_request_message(MsgRequest.create(None, op_t.get, "oven", "alarm_status"))
        statuses.append(reply.plain_payload["values"][0])
    assert [message for message in lab.sent if message[0].startswith("status_message")] == [
        ("status_message.oven.warning", "oven: 102 is outside of 10 to 100: warning"),
        ("status_message.oven.notice", "oven: 80 is within its limits again"),
    ]
    assert statuses == ["ok", "warning", "warning", "ok"]
    assert "oven: 102 is outside of 10 to 100: warning" in caplog.text


def test_an_entity_without_limits_has_no_status():
    """Nothing is looked at, nothing told."""
    assert Oven(name="oven").alarm_status is None
