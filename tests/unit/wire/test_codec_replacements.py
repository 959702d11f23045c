"""How often values that JSON cannot hold are logged."""

from __future__ import annotations

import pytest

from dripline.core import MsgAlert, MsgRequest, op_t
from dripline.wire.codec import Encoder, Replacements

NOW = "2026-01-01T00:00:00.000000Z"
NAN = float("nan")


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """One for each test."""
    return Clock()


def test_the_beginning_and_the_end_are_logged_once(sender, caplog):
    """However many alerts are sent, and however good others are."""
    encoder = Encoder(sender)
    for value in (1.5, NAN, NAN, NAN, 1.5, 1.5):
        encoder.encode(MsgAlert.create({"value_raw": value}, "sensor_value.peaches"), NOW)
        encoder.encode(MsgAlert.create({"value_raw": 1.0}, "sensor_value.cream"), NOW)
    assert caplog.messages == [
        "to sensor_value.peaches: sent as text what JSON cannot hold: value_raw (NaN or infinity)",
        "to sensor_value.peaches: all values can be sent as they are again",
    ]


def test_replies_to_equal_requests_belong_together(sender, caplog):
    """Each client has another queue; a ping between them says nothing about the value."""
    encoder = Encoder(sender)
    for number in range(5):
        request = MsgRequest.create(None, op_t.get, "peaches", reply_to=f"client-{number}")
        encoder.encode(request.reply(payload={"value_raw": NAN}), NOW)
        encoder.encode(MsgRequest.create(None, op_t.cmd, "peaches", "ping").reply(0, "Hello"), NOW)
    assert caplog.messages == [
        "reply to get peaches: sent as text what JSON cannot hold: value_raw (NaN or infinity)"
    ]


def test_a_value_that_comes_and_goes_is_logged_once_a_minute(clock, caplog):
    """Ten readings a second, every other one NaN, fill no disk."""
    replacements = Replacements(clock)
    for number in range(1200):
        clock.now += 0.1
        if number % 2:
            replacements.none_in("peaches")
        else:
            replacements.found("peaches", ["value_raw (float)"])
    assert len(caplog.messages) == 4


def test_what_is_long_over_is_forgotten(clock):
    """Nothing grows."""
    replacements = Replacements(clock)
    replacements.found("peaches", ["value_raw (float)"])
    replacements.none_in("peaches")
    assert replacements.logged
    clock.now += 61
    replacements.none_in("peaches")
    assert not replacements.logged


def test_subjects_without_end_are_not_remembered(clock, caplog):
    """A routing key may hold a counter."""
    replacements = Replacements(clock)
    for number in range(20_000):
        replacements.found(f"to run.{number}", ["value_raw (float)"])
    assert len(replacements.logged) == len(caplog.messages) == 10_000
